/*
 * A file descriptor that a thread of its own reads: a tap or a UDP socket.
 *
 * Promise: from `reader_start` to `reader_close` the thread reads, whatever JavaScript is busy with; what it leaves to
 * JavaScript goes through the mailbox. `reader_close` returns when the thread has ended, and may be called more than once.
 * An environment that ends (a worker that exits) closes its readers.
 *
 * JavaScript sees: onMail(half, count) with messages in the buffers that `reader_start` gave it, valid during the call, and
 * onGone(code), once, when the descriptor is of no use any more.
 */
#ifndef WOW_READER_H
#define WOW_READER_H

#include "lanes.h"
#include "mailbox.h"
#include "pace.h"
#include "standing-queue.h"

#include <node_api.h>

typedef struct reader {
  int fd;
  int stop; /* an eventfd that ends the thread */
  pthread_t thread;
  const char *name; /* of the thread, up to 15 characters */
  lanes_t *lanes;
  mailbox_t mail;
  /* Reads what the kernel has, up to a batch, and says so in `pace`. Returns 0, or an errno that makes the descriptor useless. */
  int (*drain)(struct reader *reader);
  pace_t pace;
  standing_queue_t queue;
  void *scratch;   /* memory of `drain` */
  int gone;        /* the errno, once */
  bool told_gone;
  uint16_t port;   /* of a UDP socket over IPv4; 0: none */
  unsigned index;  /* of a tap's interface, whatever it is renamed to */
  bool no_segments; /* the kernel sends no trains of datagrams (UDP_SEGMENT) */
  bool no_joined_udp; /* the kernel takes no joined UDP packets on the tap */
  /* JavaScript's part. */
  napi_env env;
  napi_async_context async;
  napi_ref on_mail, on_gone, buffers, lanes_handle;
  uv_async_t *bell;
  napi_async_cleanup_hook_handle hook;
} reader_t;

/*
 * A reader of `fd`, without a thread yet. `name`: of the thread; `scratch`: memory of `drain`, or NULL if there is none.
 * Returns NULL after throwing; then the fd is closed and `scratch` freed.
 */
reader_t *reader_new(napi_env env, int fd, lanes_t *lanes, const char *name, int (*drain)(reader_t *), void *scratch);

/* Starts the thread of `reader` and returns { handle, bytes, places }, or throws; then the reader is of no use any more. */
napi_value reader_start(napi_env env, reader_t *reader, napi_value lanes_handle, napi_value on_mail, napi_value on_gone);

void reader_close(reader_t *reader);

/* Its thread found nothing to read. */
static inline void reader_empty(reader_t *reader) {
  reader->pace.empty = true;
  queue_empty(&reader->queue);
}

/* Leaves a message to JavaScript, or counts that there was no room. */
static inline void reader_post(reader_t *reader, uint32_t tag, const void *head, size_t head_length, const void *body,
                               size_t body_length) {
  if (!mailbox_post(&reader->mail, tag, head, head_length, body, body_length))
    count_add(&reader->lanes->statistics, MAIL_FULL, 1);
}

/* NULL after throwing a TypeError. The reader may be closed: then its fd is -1. */
reader_t *reader_of(napi_env env, napi_value handle);

#endif
