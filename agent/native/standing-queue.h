/*
 * The queue in front of a thread, a tap's or a socket's: kept short, and shared fairly by the lanes.
 *
 * A queue that is never empty for a while is of no use: it delays every packet in it. So a packet is dropped then, and
 * another every 5 ms, until the queue has been empty once; TCP sends less each time. CoDel (RFC 8289) reads how long a packet
 * has waited, which neither a tap nor a socket tells; here "not empty since" stands for it. CoDel drops ever faster, which
 * makes time-outs of the windows of many streams: a queue of a busy machine is not empty however little each sends.
 * Dropped is what belongs to a lane that had no less than the others lately, so a lane cannot crowd out the rest.
 *
 * Only a thread's own: nothing here is locked.
 */
#ifndef WOW_STANDING_QUEUE_H
#define WOW_STANDING_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packets from this length on are worth dropping: they are what fills a queue. The others are answers and questions. */
#define DROP_FROM 1000

/* What a lane had of one queue, or of several. Zeroed: nothing. Periods are those of the clock, the same for all queues. */
typedef struct {
  int64_t period;
  uint64_t bytes;  /* in `period` */
  uint64_t before; /* in the period before it */
} share_t;

/* Zeroed: empty. */
typedef struct {
  int64_t since; /* when it was last found not to be empty, after it had been; 0: it is empty */
  int64_t next;  /* when the next packet is dropped */
  int64_t period;
  uint64_t bytes, bytes_before;
  uint32_t lanes, lanes_before;
} standing_queue_t;

/* The thread found nothing in the queue. */
void queue_empty(standing_queue_t *queue);

/* A packet of `length` bytes came out of the queue, of the lane that has `share`. Returns whether to drop one of that length. */
bool queue_took(standing_queue_t *queue, share_t *share, size_t length, int64_t now);

#endif
