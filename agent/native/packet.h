/*
 * IPv4 packets as the fast path reads and writes them: one look that finds all it needs, and checksums.
 */
#ifndef WOW_PACKET_H
#define WOW_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETHERNET_HEAD 14
#define ETHERTYPE_IPV4 0x0800
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define IPV4_MAX 65535

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_CWR 0x80

static inline uint16_t get16(const uint8_t *at) {
  return (uint16_t)(at[0] << 8 | at[1]);
}
static inline uint32_t get32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static inline void put16(uint8_t *at, uint16_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}
static inline void put32(uint8_t *at, uint32_t value) {
  put16(at, (uint16_t)(value >> 16));
  put16(at + 2, (uint16_t)value);
}

typedef struct {
  size_t length;    /* of the packet, without padding behind it */
  size_t ip_head;   /* of the IP header */
  size_t head;      /* with the header of TCP or UDP; `ip_head` for others and for fragments */
  uint8_t protocol;
  bool fragment;
  uint8_t tcp_flags; /* of a whole TCP packet */
  bool dhcp;         /* from or to port 67 or 68, or could become such a packet */
  uint32_t source, destination;
} packet_t;

/* Reads the packet in `size` bytes. Returns false when it is no well-formed packet (its checksums are not looked at). */
bool packet_read(packet_t *packet, const uint8_t *bytes, size_t size);

/* The ones' complement sum of `bytes`, added to `sum`; not folded. */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length);
/* 16 bits, not complemented. */
uint16_t checksum_fold(uint64_t sum);

/* Whether the IP header's checksum holds. */
bool ip_checksum_holds(const uint8_t *bytes, size_t ip_head);
void ip_checksum_write(uint8_t *bytes, size_t ip_head);

/* Where the checksum of TCP or UDP is, from the start of its header. */
static inline size_t checksum_offset(uint8_t protocol) {
  return protocol == PROTOCOL_TCP ? 16 : 6;
}
/* Whether the packet has a checksum of TCP or UDP that may be left to the receiver. */
static inline bool has_checksum(const packet_t *packet) {
  return (packet->protocol == PROTOCOL_TCP || packet->protocol == PROTOCOL_UDP) && packet->head > packet->ip_head;
}
/* Writes the pseudo header's sum where the checksum belongs: the rest is left to whoever completes it. */
void checksum_leave(uint8_t *bytes, const packet_t *packet);
/* Writes the whole checksum, whatever stood there. */
void checksum_complete(uint8_t *bytes, const packet_t *packet);

#endif
