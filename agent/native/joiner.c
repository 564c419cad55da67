#include "joiner.h"

#include "reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

static bool may_begin(const packet_t *packet, const uint8_t *bytes, bool partial) {
  if (!partial || packet->fragment || packet->length == packet->head) return false;
  /* A shorter UDP length than the packet's would be lost. */
  if (packet->protocol == PROTOCOL_UDP) return get16(bytes + packet->ip_head + 4) == packet->length - packet->ip_head;
  return packet->protocol == PROTOCOL_TCP && (packet->tcp_flags & ~TCP_PSH) == TCP_ACK;
}

/* The headers are the same but for what counts the segments. */
static bool same_flow(const joiner_t *joiner, const packet_t *packet, const uint8_t *bytes) {
  const packet_t *first = &joiner->first;
  const uint8_t *before = joiner->bytes;
  if (packet->protocol != first->protocol || packet->ip_head != first->ip_head || packet->head != first->head) return false;
  /* Version and type of service; flags, time to live and protocol; addresses and options. */
  if (memcmp(bytes, before, 2) != 0 || memcmp(bytes + 6, before + 6, 4) != 0 ||
      memcmp(bytes + 12, before + 12, packet->ip_head - 12) != 0)
    return false;
  const uint8_t *inner = bytes + packet->ip_head, *inner_before = before + packet->ip_head;
  if (memcmp(inner, inner_before, 4) != 0) return false;
  if (packet->protocol == PROTOCOL_UDP) return true;
  uint32_t expected = get32(inner_before + 4) + (uint32_t)(first->length - first->head);
  /* Sequence; acknowledgement and header length; window; urgent pointer and options. */
  return get32(inner + 4) == expected && memcmp(inner + 8, inner_before + 8, 5) == 0 &&
         memcmp(inner + 14, inner_before + 14, 2) == 0 &&
         memcmp(inner + 18, inner_before + 18, packet->head - packet->ip_head - 18) == 0;
}

static bool joins(const joiner_t *joiner, const packet_t *packet, const uint8_t *bytes, bool partial, const uint8_t *mac) {
  if (joiner->count == 0 || joiner->full || joiner->count == JOINED_MAX || !may_begin(packet, bytes, partial)) return false;
  size_t payload = packet->length - packet->head;
  return payload <= joiner->segment && joiner->first.length + payload <= IPV4_MAX &&
         memcmp(mac, joiner->mac, sizeof joiner->mac) == 0 && same_flow(joiner, packet, bytes);
}

static bool write_joined(joiner_t *joiner) {
  const reader_t *tap = joiner->lanes->tap;
  size_t whole = 0;
  for (int i = 0; i < 2 + joiner->count; i++) whole += joiner->pieces[i].iov_len;
  count_add(&joiner->lanes->statistics, WRITES, 1);
  ssize_t written;
  do written = writev(tap->fd, joiner->pieces, 2 + joiner->count);
  while (written < 0 && errno == EINTR);
  return written == (ssize_t)whole;
}

/* The same packets, each by itself: for kernels that take no joined UDP (before 6.2). */
static void write_singly(joiner_t *joiner) {
  joiner_t one = *joiner;
  for (int i = 0; i < joiner->count; i++) {
    struct iovec piece = joiner->pieces[2 + i];
    /* The header stands before its payload wherever the packet came from. */
    uint8_t *bytes = i == 0 ? joiner->bytes : (uint8_t *)piece.iov_base - joiner->first.head;
    packet_t packet;
    if (!packet_read(&packet, bytes, joiner->first.head + (i == 0 ? joiner->segment : piece.iov_len))) continue;
    one.count = 0;
    joiner_add(&one, &packet, bytes, joiner->partial, joiner->mac);
    joiner_flush(&one);
  }
}

static void finish_headers(joiner_t *joiner) {
  packet_t *packet = &joiner->first;
  uint8_t *bytes = joiner->bytes;
  memset(&joiner->offload, 0, sizeof joiner->offload);
  if (joiner->partial) {
    joiner->offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    joiner->offload.csum_start = (uint16_t)(ETHERNET_HEAD + packet->ip_head);
    joiner->offload.csum_offset = (uint16_t)checksum_offset(packet->protocol);
  }
  if (joiner->count > 1) {
    bool tcp = packet->protocol == PROTOCOL_TCP;
    joiner->offload.gso_type = tcp ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_UDP_L4;
    joiner->offload.gso_size = (uint16_t)joiner->segment;
    joiner->offload.hdr_len = (uint16_t)(ETHERNET_HEAD + packet->head);
    put16(bytes + 2, (uint16_t)packet->length);
    ip_checksum_write(bytes, packet->ip_head);
    if (!tcp) put16(bytes + packet->ip_head + 4, (uint16_t)(packet->length - packet->ip_head));
  }
  if (joiner->partial) checksum_leave(bytes, packet);
}

void joiner_flush(joiner_t *joiner) {
  if (joiner->count == 0) return;
  reader_t *tap = joiner->lanes->tap;
  bool joined_udp = joiner->count > 1 && joiner->first.protocol == PROTOCOL_UDP;
  finish_headers(joiner);
  if (tap == NULL || write_joined(joiner)) {
    joiner->count = 0;
    return;
  }
  if (joined_udp && errno == EINVAL) {
    tap->no_joined_udp = true;
    put16(joiner->bytes + 2, (uint16_t)(joiner->first.head + joiner->segment));
    put16(joiner->bytes + joiner->first.ip_head + 4,
          (uint16_t)(joiner->first.head + joiner->segment - joiner->first.ip_head));
    write_singly(joiner);
  } else {
    count_add(&joiner->lanes->statistics, TAP_FULL, (uint64_t)joiner->count);
  }
  joiner->count = 0;
}

void joiner_add(joiner_t *joiner, const packet_t *packet, uint8_t *bytes, bool partial, const uint8_t *mac) {
  size_t payload = packet->length - packet->head;
  if (joins(joiner, packet, bytes, partial, mac)) {
    joiner->pieces[2 + joiner->count] = (struct iovec){.iov_base = bytes + packet->head, .iov_len = payload};
    joiner->count++;
    joiner->first.length += payload;
    if (packet->tcp_flags & TCP_PSH) joiner->bytes[packet->ip_head + 13] |= TCP_PSH;
    joiner->full = payload < joiner->segment || (packet->tcp_flags & TCP_PSH) != 0;
    return;
  }
  joiner_flush(joiner);
  const reader_t *tap = joiner->lanes->tap;
  joiner->first = *packet;
  joiner->bytes = bytes;
  joiner->partial = partial;
  joiner->segment = payload;
  joiner->full = !may_begin(packet, bytes, partial) || (packet->tcp_flags & TCP_PSH) != 0 ||
                 (packet->protocol == PROTOCOL_UDP && (tap == NULL || tap->no_joined_udp));
  memcpy(joiner->mac, mac, sizeof joiner->mac);
  memcpy(joiner->ethernet, mac, 6);
  memcpy(joiner->ethernet + 6, joiner->lanes->agent_mac, 6);
  put16(joiner->ethernet + 12, ETHERTYPE_IPV4);
  joiner->pieces[0] = (struct iovec){.iov_base = &joiner->offload, .iov_len = VNET_HEAD};
  joiner->pieces[1] = (struct iovec){.iov_base = joiner->ethernet, .iov_len = ETHERNET_HEAD};
  joiner->pieces[2] = (struct iovec){.iov_base = bytes, .iov_len = packet->length};
  joiner->count = 1;
}
