/*
 * The tables of the fast path: what JavaScript has decided, for the threads that move packets.
 *
 * A lane is a tunnel's sealed way to one peer: keys, and the endpoint at which the peer is. A route says which lane leads to
 * a virtual IP; a packet from that IP must come out of the same lane. A local is a virtual IP that is leased on our tap.
 *
 * Promise: the tables hold only what JavaScript put there, and count for nothing once the permit has run out, which it
 * renews every moment (agent/net/lane/fast-path.ts): a process that slept moves no packet before it has asked again.
 * What no table has is left to JavaScript.
 */
#ifndef WOW_LANES_H
#define WOW_LANES_H

#include "gate.h"
#include "ip-table.h"
#include "record.h"
#include "standing-queue.h"
#include "statistics.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define LANES 4096 /* a power of two; the low bits of an index are the lane's place */

struct reader;

typedef struct lane {
  uint32_t index; /* 0: no lane */
  uint32_t remote_index;
  size_t longest; /* packets longer than this are sent in two halves, bytes */
  bool no_segments; /* the device on the way to the peer takes no trains of datagrams */
  endpoint_t remote;
  struct reader *socket; /* NULL: no way to the peer */
  pthread_mutex_t sealing; /* the tap's thread and JavaScript send */
  pthread_mutex_t opening; /* a thread for each address family receives */
  sealer_t *sealer;
  opener_t *opener;
  uint64_t sent_packets, got_packets; /* records, probes included */
  int64_t moved_at; /* when JavaScript was last told that the peer sends from elsewhere, ns */
  uint64_t half_counter;
  uint8_t *half; /* the first half of a packet, `half_length` bytes */
  size_t half_length;
  share_t out; /* of the tap's queue; its thread's own */
  share_t in[2]; /* of the sockets' queues, for IPv4 and for IPv6; under `opening` */
  int64_t probes_since; /* ns */
  uint32_t probes; /* that came since then */
} lane_t;

typedef struct {
  pthread_rwlock_t lock; /* threads hold it for a batch, JavaScript to change anything */
  lane_t *lanes[LANES];
  ip_table_t routes;
  ip_table_t locals;
  struct reader *tap; /* NULL: closed */
  uint8_t agent_mac[6];
  size_t mtu;
  gate_t *gate;
  uint8_t own_ports[65536 / 8]; /* a bit for each port of a UDP socket of ours over IPv4, as what is on the tap */
  int64_t permit_until; /* ns, of `now_ns` */
  statistics_t statistics;
} lanes_t;

/* Time that includes sleep (CLOCK_BOOTTIME), ns. */
int64_t now_ns(void);

lanes_t *lanes_new(const uint8_t *agent_mac);
void lanes_free(lanes_t *lanes);

/* The rest needs the lock: to read, or to change where it says so. */

lane_t *lane_of(lanes_t *lanes, uint32_t index);
/* The longest packet that the way takes, bytes: in two halves. */
static inline size_t lane_most(const lane_t *lane) {
  return 2 * lane->longest;
}
/* Changes. Returns NULL when the place is taken or there is no memory. */
lane_t *lane_add(lanes_t *lanes, uint32_t index, uint32_t remote_index, const uint8_t *send_key,
                 const uint8_t *receive_key);
/* Changes. */
void lane_remove(lanes_t *lanes, uint32_t index);
/* Changes: no lane sends through `socket` any more. */
void lanes_forget_socket(lanes_t *lanes, struct reader *socket);

/* Whether one of our own UDP sockets is at the port. */
bool is_own_port(const lanes_t *lanes, uint16_t port);
/* Changes. */
void own_port_set(lanes_t *lanes, uint16_t port, bool is_ours);

/* Whether JavaScript has renewed the permit. */
bool is_permitted(const lanes_t *lanes, int64_t now);

#endif
