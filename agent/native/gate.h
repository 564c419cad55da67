/*
 * The first messages of handshakes (docs/protocol.md, *Handshakes*). Anybody can send them, so the thread that reads the socket
 * looks at them before JavaScript does.
 *
 * Promise: however many come, JavaScript gets GATE_CALM_PER_S and GATE_SHOWN_PER_S of them a second at most, each with a right
 * MAC. Beyond the first, only who shows that it receives at its endpoint gets through, and a network no more than its share; the
 * others are told how, by fewer bytes than they sent. Nothing is remembered of a stranger, but how much of its share a network
 * has used.
 */
#ifndef WOW_GATE_H
#define WOW_GATE_H

#include "statistics.h"

#include <stddef.h>
#include <stdint.h>

/* agent/underlay/packets.ts */
#define FIRST_KIND 0xd0
#define LAST_KIND 0xd6 /* of all datagrams of sessions and lanes */
#define FIRST_LENGTH 201
#define COOKIE_KIND 0xd3
#define COOKIE_LENGTH 37

#define GATE_KEY 32
#define GATE_CALM_PER_S 500
#define GATE_SHOWN_PER_S 1000
/* agent/underlay/constants.ts, HANDSHAKES_PER_NETWORK_PER_S */
#define GATE_NETWORK_PER_S 100
#define GATE_REPLIES_PER_S 20000

/* A message's source: family (4 or 6), 0, port (2), address (16; the first 4 for IPv4). */
#define PLACE_HEAD 20

/* Of one node; threads may share it. */
typedef struct gate gate_t;

/* NULL when there is no memory. */
gate_t *gate_new(void);
void gate_free(gate_t *gate);

/*
 * The key of the MACs, and the secrets behind cookies: the present one, the former one; GATE_KEY bytes each. Until then everything
 * goes to JavaScript.
 */
void gate_set_keys(gate_t *gate, const uint8_t *mac, const uint8_t *cookie, const uint8_t *former_cookie);

typedef enum { GATE_PASS, GATE_DROP, GATE_REPLY } verdict_t;

/* Looks at a datagram that begins with FIRST_KIND. GATE_REPLY: `reply` is to be sent to where it came from. */
verdict_t gate_look(gate_t *gate, const uint8_t *place, const uint8_t *datagram, size_t length, int64_t now,
                    uint8_t reply[COOKIE_LENGTH], statistics_t *statistics);

#endif
