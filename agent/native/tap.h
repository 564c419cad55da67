/*
 * The tap as the event loop and JavaScript hold it: tap.c opens and closes it, frames.c reads and writes it.
 */
#ifndef WOW_TAP_H
#define WOW_TAP_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* What one wake-up takes at most: so many frames, or no further one once there are so many bytes. */
#define BATCH_FRAMES 64
#define BATCH_BYTES (256 * 1024)
#define FRAME_MAX (64 * 1024) /* the largest IP packet with its Ethernet header, rounded up */
#define ALIGNMENT 8

/* What the kernel and the loop hold. It outlives `close` until the loop has let go, and the addon stays loaded so long. */
typedef struct {
  int fd;
  unsigned index; /* of the interface, whatever it is renamed to */
  uv_poll_t *poll;
  napi_async_cleanup_hook_handle hook;
  struct tap *tap; /* NULL once closing */
} device_t;

typedef struct tap {
  napi_env env;
  napi_ref on_batch;
  napi_ref on_gone;
  napi_ref frames_ref;
  napi_ref places_ref;
  napi_async_context async;
  uint8_t *frames;
  uint32_t *places;
  device_t *device; /* NULL once closed */
} tap_t;

/* Reads what the kernel has for the tap, up to one batch, and tells JavaScript. `poll->data` is the device. */
void on_readable(uv_poll_t *poll, int status, int events);

/* False: the kernel did not take the frame, or the tap is closed. */
bool write_frame(tap_t *tap, const void *bytes, size_t length);

#endif
