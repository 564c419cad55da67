/*
 * Frames between the kernel and JavaScript.
 *
 * Promise: every frame the kernel sends is handed over whole, up to BATCH_FRAMES frames or BATCH_BYTES bytes per
 * wake-up, so that one direction never starves the loop. A device that is gone is told of once and not read again.
 */
#include "tap.h"

#include <errno.h>
#include <unistd.h>

static void call(tap_t *tap, napi_ref callback, size_t argc, const napi_value *argv) {
  napi_value function, receiver;
  napi_get_reference_value(tap->env, callback, &function);
  napi_get_global(tap->env, &receiver);
  if (napi_make_callback(tap->env, tap->async, receiver, function, argc, argv, NULL) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(tap->env, &error);
    napi_fatal_exception(tap->env, error);
  }
}

/* The device is gone (deleted by somebody): polling on would spin. */
static void gone(tap_t *tap, int error) {
  uv_poll_stop(tap->device->poll);
  napi_handle_scope scope;
  napi_open_handle_scope(tap->env, &scope);
  char code[32];
  uv_err_name_r(-error, code, sizeof code);
  napi_value js_code;
  napi_create_string_utf8(tap->env, code, NAPI_AUTO_LENGTH, &js_code);
  call(tap, tap->on_gone, 1, &js_code);
  napi_close_handle_scope(tap->env, scope);
}

void on_readable(uv_poll_t *poll, int status, int events) {
  (void)events;
  tap_t *tap = ((device_t *)poll->data)->tap;
  if (tap == NULL) return;
  if (status < 0 && status != UV_EBADF) {
    gone(tap, -status);
    return;
  }
  uint32_t count = 0;
  size_t used = 0;
  int error = 0;
  while (count < BATCH_FRAMES && used <= BATCH_BYTES) {
    ssize_t length = read(tap->device->fd, tap->frames + used, FRAME_MAX);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) {
      error = length < 0 ? errno : 0;
      break;
    }
    tap->places[2 * count] = (uint32_t)used;
    tap->places[2 * count + 1] = (uint32_t)length;
    count++;
    used += ((size_t)length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
  if (count > 0) {
    napi_handle_scope scope;
    napi_open_handle_scope(tap->env, &scope);
    napi_value js_count;
    napi_create_uint32(tap->env, count, &js_count);
    call(tap, tap->on_batch, 1, &js_count);
    napi_close_handle_scope(tap->env, scope);
  }
  /* The callback may have closed the tap. EIO: the interface is down, which passes. */
  if (tap->device != NULL && count == 0 && error != 0 && error != EAGAIN && error != EIO) gone(tap, error);
}

bool write_frame(tap_t *tap, const void *bytes, size_t length) {
  ssize_t written = -1;
  if (tap->device != NULL) {
    do written = write(tap->device->fd, bytes, length);
    while (written < 0 && errno == EINTR);
  }
  return written == (ssize_t)length;
}
