/*
 * Sealed records: one IP packet, or half of one, in one datagram (docs/protocol.md, *Tunnel records*).
 *
 *   kind (0xd5), receiver index (4), counter (8), then sealed: flags (1) and the packet; tag (16). Big-endian.
 *
 * AES-256-GCM (NIST SP 800-38D) by OpenSSL, which the node binary exports; the nonce is 32 zero bits and the counter, the
 * first 13 bytes are authenticated. Promise: a counter is used once under a key and accepted once.
 */
#ifndef WOW_RECORD_H
#define WOW_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RECORD_KIND 0xd5
#define RECORD_HEAD 13
#define RECORD_TAG 16
/* What a record adds to its packet. */
#define RECORD_OVERHEAD (RECORD_HEAD + 1 + RECORD_TAG)
#define RECORD_KEY 32

/* The TCP or UDP checksum covers the pseudo header alone: the receiver, which knows the packet unaltered, completes it. */
#define FLAG_PARTIAL 0x01
#define FLAG_FIRST_HALF 0x02
#define FLAG_SECOND_HALF 0x04
/* No packet: the bytes only show that a datagram of this length arrives. */
#define FLAG_PROBE 0x08

typedef struct {
  struct sockaddr_storage address;
  socklen_t length; /* 0: none */
} endpoint_t;

typedef struct sealer sealer_t;
typedef struct opener opener_t;

/* NULL when OpenSSL has no memory. */
sealer_t *sealer_new(const uint8_t *key);
void sealer_free(sealer_t *sealer);
opener_t *opener_new(const uint8_t *key);
void opener_free(opener_t *opener);

/* Where the packet of the record at `record` belongs, before `seal`. */
static inline uint8_t *record_packet(uint8_t *record) {
  return record + RECORD_HEAD + 1;
}

/* Seals the `length` bytes at `record_packet(record)` in place. Returns the record's length, or 0 if it failed. */
size_t seal(sealer_t *sealer, uint8_t *record, uint32_t receiver, uint8_t flags, size_t length);

typedef enum { OPENED, REPLAYED, FORGED } opened_t;

/* Opens a record of at least RECORD_OVERHEAD bytes in place. */
opened_t open_record(opener_t *opener, uint8_t *record, size_t length);

static inline uint32_t record_receiver(const uint8_t *record) {
  return (uint32_t)record[1] << 24 | (uint32_t)record[2] << 16 | (uint32_t)record[3] << 8 | record[4];
}

static inline uint64_t record_counter(const uint8_t *record) {
  uint64_t counter = 0;
  for (int i = 0; i < 8; i++) counter = counter << 8 | record[5 + i];
  return counter;
}

/* Of an opened record. */
static inline uint8_t record_flags(const uint8_t *record) {
  return record[RECORD_HEAD];
}

#endif
