/*
 * How often a thread wakes: where packets come faster than one every 25 us, it lets some gather, so that they are sealed, sent and
 * received together. A wake costs as much as several small packets, and it is the sender who pays.
 *
 * Only a thread's own: nothing here is locked.
 */
#ifndef WOW_PACE_H
#define WOW_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: nothing was read yet. */
typedef struct {
  uint32_t taken;     /* packets since the queue was last empty */
  bool empty;         /* nothing was left */
  int64_t emptied_at; /* ns */
} pace_t;

/* Whether to let packets gather before the next look. Call after each batch. */
bool pace_gathers(pace_t *pace, int64_t now);

/* Lets them gather. */
void pace_wait(void);

#endif
