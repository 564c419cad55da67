/*
 * What a reading thread hands to JavaScript: messages, in order, kept until the event loop comes for them.
 *
 * Promise: a message is whole or dropped. There are two halves: threads fill one while JavaScript
 * reads the other, so what it reads stays as it is until its callback returns.
 */
#ifndef WOW_MAILBOX_H
#define WOW_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define MAILBOX_BYTES (512 * 1024)
#define MAILBOX_MESSAGES 1024
/* Of each message: where it lies in its half, its length, and a number that its sender chose. */
#define PLACE_WORDS 3

typedef struct {
  pthread_mutex_t lock;
  uint8_t *bytes[2];
  uint32_t *places[2];
  size_t used[2];
  uint32_t count[2];
  int filling;
  uv_async_t *bell; /* rung for the first message of a half */
} mailbox_t;

/* `bytes` and `places` point to memory of two halves each. */
void mailbox_init(mailbox_t *box, uint8_t *bytes, uint32_t *places, uv_async_t *bell);

/* Appends `head` and `body` as one message. Returns false when the half is full. */
bool mailbox_post(mailbox_t *box, uint32_t tag, const void *head, size_t head_length, const void *body,
                  size_t body_length);

/* Turns the halves round. Returns the number of messages in `*half`, which the caller gives back with `mailbox_done`. */
uint32_t mailbox_take(mailbox_t *box, int *half);
void mailbox_done(mailbox_t *box, int half);

#endif
