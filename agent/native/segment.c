#include "segment.h"

#include <string.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* Of the longest packet, with the shortest segments that a peer can ask of TCP (48 bytes, of which options take 12). */
#define SEGMENTS_MAX 2048

bool burst_read(burst_t *burst, const struct virtio_net_hdr *offload, uint8_t *bytes, size_t size) {
  if (!packet_read(&burst->packet, bytes, size)) return false;
  const packet_t *packet = &burst->packet;
  burst->bytes = bytes;
  burst->partial = (offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
  burst->segment = 0;
  burst->count = 1;
  burst->longest = packet->length;
  if (burst->partial && !has_checksum(packet)) return false;
  uint8_t kind = offload->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
  if (kind == VIRTIO_NET_HDR_GSO_NONE) return true;
  uint8_t protocol = kind == VIRTIO_NET_HDR_GSO_TCPV4    ? PROTOCOL_TCP
                     : kind == VIRTIO_NET_HDR_GSO_UDP_L4 ? PROTOCOL_UDP
                                                         : 0;
  if (protocol == 0 || protocol != packet->protocol || packet->fragment || !burst->partial) return false;
  if (offload->gso_size == 0 || packet->length == packet->head) return false;
  size_t payload = packet->length - packet->head;
  burst->segment = offload->gso_size;
  burst->count = (payload + burst->segment - 1) / burst->segment;
  if (burst->count > SEGMENTS_MAX) return false;
  if (burst->count > 1) burst->longest = packet->head + burst->segment;
  return true;
}

size_t burst_length(const burst_t *burst, size_t n) {
  if (burst->count == 1) return burst->packet.length;
  size_t rest = burst->packet.length - burst->packet.head - n * burst->segment;
  return burst->packet.head + (rest < burst->segment ? rest : burst->segment);
}

size_t burst_segment(const burst_t *burst, size_t n, uint8_t *out) {
  packet_t packet = burst->packet;
  if (burst->count == 1) {
    memcpy(out, burst->bytes, packet.length);
    if (burst->partial) checksum_leave(out, &packet);
    return packet.length;
  }
  size_t start = n * burst->segment;
  packet.length = burst_length(burst, n);
  memcpy(out, burst->bytes, packet.head);
  memcpy(out + packet.head, burst->bytes + packet.head + start, packet.length - packet.head);
  put16(out + 2, (uint16_t)packet.length);
  put16(out + 4, (uint16_t)(get16(out + 4) + n));
  ip_checksum_write(out, packet.ip_head);
  uint8_t *inner = out + packet.ip_head;
  if (packet.protocol == PROTOCOL_UDP) {
    put16(inner + 4, (uint16_t)(packet.length - packet.ip_head));
  } else {
    put32(inner + 4, get32(inner + 4) + (uint32_t)start);
    if (n > 0) inner[13] &= (uint8_t)~TCP_CWR;
    if (n + 1 < burst->count) inner[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
  }
  checksum_leave(out, &packet);
  return packet.length;
}
