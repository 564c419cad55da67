#include "mailbox.h"

#include <string.h>

#define ALIGNMENT 8

void mailbox_init(mailbox_t *box, uint8_t *bytes, uint32_t *places, uv_async_t *bell) {
  memset(box, 0, sizeof *box);
  pthread_mutex_init(&box->lock, NULL);
  for (int half = 0; half < 2; half++) {
    box->bytes[half] = bytes + half * MAILBOX_BYTES;
    box->places[half] = places + half * MAILBOX_MESSAGES * PLACE_WORDS;
  }
  box->bell = bell;
}

bool mailbox_post(mailbox_t *box, uint32_t tag, const void *head, size_t head_length, const void *body,
                  size_t body_length) {
  size_t length = head_length + body_length;
  pthread_mutex_lock(&box->lock);
  int half = box->filling;
  size_t at = box->used[half];
  uint32_t n = box->count[half];
  bool fits = n < MAILBOX_MESSAGES && length <= MAILBOX_BYTES - at;
  if (fits) {
    if (head_length > 0) memcpy(box->bytes[half] + at, head, head_length);
    if (body_length > 0) memcpy(box->bytes[half] + at + head_length, body, body_length);
    uint32_t *place = box->places[half] + n * PLACE_WORDS;
    place[0] = (uint32_t)at;
    place[1] = (uint32_t)length;
    place[2] = tag;
    size_t next = (at + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    box->used[half] = next < MAILBOX_BYTES ? next : MAILBOX_BYTES;
    box->count[half] = n + 1;
  }
  pthread_mutex_unlock(&box->lock);
  if (fits && n == 0) uv_async_send(box->bell);
  return fits;
}

uint32_t mailbox_take(mailbox_t *box, int *half) {
  pthread_mutex_lock(&box->lock);
  *half = box->filling;
  uint32_t count = box->count[*half];
  if (count > 0) box->filling = 1 - *half;
  pthread_mutex_unlock(&box->lock);
  return count;
}

void mailbox_done(mailbox_t *box, int half) {
  pthread_mutex_lock(&box->lock);
  box->used[half] = 0;
  box->count[half] = 0;
  pthread_mutex_unlock(&box->lock);
}
