#include "packet.h"

#include <string.h>

#define IP_HEAD 20
#define TCP_HEAD 20
#define UDP_HEAD 8
#define DHCP_SERVER 67
#define DHCP_CLIENT 68

static bool is_dhcp(uint16_t port) {
  return port == DHCP_SERVER || port == DHCP_CLIENT;
}

bool packet_read(packet_t *packet, const uint8_t *bytes, size_t size) {
  if (size < IP_HEAD || bytes[0] >> 4 != 4) return false;
  size_t ip_head = (size_t)(bytes[0] & 0x0f) * 4, length = get16(bytes + 2);
  if (ip_head < IP_HEAD || length < ip_head || length > size) return false;
  uint16_t fragment = get16(bytes + 6);
  size_t offset = fragment & 0x1fff;
  *packet = (packet_t){
      .length = length,
      .ip_head = ip_head,
      .head = ip_head,
      .protocol = bytes[9],
      .fragment = (fragment & 0x3fff) != 0,
      .source = get32(bytes + 12),
      .destination = get32(bytes + 16),
  };
  const uint8_t *inner = bytes + ip_head;
  size_t rest = length - ip_head;
  if (packet->protocol == PROTOCOL_UDP && offset == 0)
    packet->dhcp = rest < 4 || is_dhcp(get16(inner)) || is_dhcp(get16(inner + 2));
  if (packet->fragment) return true;
  if (packet->protocol == PROTOCOL_TCP) {
    size_t head = rest < TCP_HEAD ? 0 : (size_t)(inner[12] >> 4) * 4;
    if (head < TCP_HEAD || head > rest) return false;
    packet->head += head;
    packet->tcp_flags = inner[13];
  } else if (packet->protocol == PROTOCOL_UDP) {
    if (rest < UDP_HEAD) return false;
    packet->head += UDP_HEAD;
  }
  return true;
}

/* Eight bytes at a time; the machine's byte order does not matter to the sum but for a swap at the end (RFC 1071). */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length) {
  unsigned __int128 wide = 0;
  uint64_t word;
  for (; length >= 8; bytes += 8, length -= 8) {
    memcpy(&word, bytes, 8);
    wide += word;
  }
  if (length > 0) {
    word = 0;
    memcpy(&word, bytes, length);
    wide += word;
  }
  uint64_t folded = (uint64_t)wide, carries = (uint64_t)(wide >> 64);
  folded += carries;
  if (folded < carries) folded++;
  uint32_t half = (uint32_t)(folded >> 32), low = (uint32_t)folded;
  uint64_t both = (uint64_t)half + low;
  while (both >> 16 != 0) both = (both & 0xffff) + (both >> 16);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  both = (both >> 8 | both << 8) & 0xffff;
#endif
  return sum + both;
}

uint16_t checksum_fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

bool ip_checksum_holds(const uint8_t *bytes, size_t ip_head) {
  return checksum_fold(checksum_add(0, bytes, ip_head)) == 0xffff;
}

void ip_checksum_write(uint8_t *bytes, size_t ip_head) {
  put16(bytes + 10, 0);
  put16(bytes + 10, (uint16_t)~checksum_fold(checksum_add(0, bytes, ip_head)));
}

static uint64_t pseudo_sum(const uint8_t *bytes, const packet_t *packet) {
  return checksum_add((uint64_t)packet->protocol + (packet->length - packet->ip_head), bytes + 12, 8);
}

void checksum_leave(uint8_t *bytes, const packet_t *packet) {
  put16(bytes + packet->ip_head + checksum_offset(packet->protocol), checksum_fold(pseudo_sum(bytes, packet)));
}

void checksum_complete(uint8_t *bytes, const packet_t *packet) {
  uint8_t *inner = bytes + packet->ip_head, *at = inner + checksum_offset(packet->protocol);
  put16(at, 0);
  uint64_t sum = checksum_add(pseudo_sum(bytes, packet), inner, packet->length - packet->ip_head);
  uint16_t checksum = (uint16_t)~checksum_fold(sum);
  put16(at, checksum == 0 && packet->protocol == PROTOCOL_UDP ? 0xffff : checksum);
}
