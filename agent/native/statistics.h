/* What the threads count, by fate. JavaScript reads the numbers by these names (agent/native/lanes.ts). */
#ifndef WOW_STATISTICS_H
#define WOW_STATISTICS_H

#include <stdint.h>

typedef enum {
  FAST_OUT,         /* packets that left without JavaScript */
  FAST_IN,          /* packets opened and written to the tap without JavaScript */
  WRITES,           /* writes to the tap for these: one may carry many segments */
  SENDS,            /* sends for these: one may carry many records */
  NO_LANE,          /* records whose receiver index nobody has */
  SHORT_RECORD,
  FORGED_RECORD,
  REPLAYED_RECORD,
  ODD_RECORD,       /* authentic, but with no packet of IPv4 in it */
  TAP_FULL,         /* the kernel did not take a frame */
  UDP_FULL,         /* the kernel did not take a datagram */
  QUEUE_FULL,       /* packets dropped to keep a queue short */
  BAD_OFFLOAD,      /* a frame of the tap whose offload header does not fit it */
  PROBE_FLOOD,      /* probes of a lane beyond those that JavaScript answers */
  MAIL_FULL,        /* messages for JavaScript, which had too many */
  LOOPED,           /* datagrams of our own sockets that the kernel sent into the tap */
  FIRST_FORGED,     /* first messages of handshakes with a wrong MAC or length */
  FIRST_FLOOD,      /* first messages beyond what a node takes */
  COOKIE_REPLY,     /* first messages that were answered with a cookie without JavaScript */
  STATISTICS
} statistic_t;

typedef struct {
  uint64_t counts[STATISTICS];
} statistics_t;

static inline void count_add(statistics_t *statistics, statistic_t which, uint64_t by) {
  __atomic_fetch_add(&statistics->counts[which], by, __ATOMIC_RELAXED);
}

#endif
