/*
 * Datagrams for one peer that leave together: one send, which the kernel cuts into datagrams of one length (UDP_SEGMENT,
 * linux/udp.h). The last may be shorter.
 *
 * The caller holds the lanes' lock from the first record to the flush.
 */
#ifndef WOW_TRAIN_H
#define WOW_TRAIN_H

#include "lanes.h"

/* The kernel's limits: UDP_MAX_SEGMENTS, and the longest UDP packet over IPv4. */
#define TRAIN_RECORDS 64
#define TRAIN_BYTES 65000

/* How long a send waits for the socket's buffer to drain, ms; then packets are dropped, as any full queue does. */
#define ROOM_WAIT_MS 2

typedef struct {
  lanes_t *lanes;
  int wait_ms; /* for the next send; 0 once a wait was in vain: the lanes' lock is not held for many */
  lane_t *lane; /* NULL: empty */
  size_t record; /* length of each but the last */
  size_t used;
  uint32_t count;
  uint8_t bytes[TRAIN_BYTES + RECORD_OVERHEAD];
} train_t;

/* Room for a packet of `length` bytes, to be filled in and then sealed with `train_seal`. */
uint8_t *train_room(train_t *train, lane_t *lane, size_t length);
void train_seal(train_t *train, uint8_t flags, size_t length);
void train_flush(train_t *train);

/*
 * Sends one packet on a lane by itself, in two halves if the way needs that; waits for room up to `wait_ms`. Returns whether
 * the kernel took it.
 */
bool lane_send(lanes_t *lanes, lane_t *lane, uint8_t flags, const uint8_t *packet, size_t length, int wait_ms);

/* Sends `length` bytes as one datagram; waits for room up to `wait_ms`. Returns 0 or an errno. */
int send_datagram(struct reader *socket, const endpoint_t *to, const uint8_t *bytes, size_t length, int wait_ms);

#endif
