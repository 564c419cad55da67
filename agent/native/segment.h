/*
 * A frame as the kernel hands it over with offloads: a packet whose checksum may be unfinished, or a long one to be cut into
 * segments (virtio 1.2, section 5.1.6; linux/virtio_net.h).
 */
#ifndef WOW_SEGMENT_H
#define WOW_SEGMENT_H

#include "packet.h"

#include <linux/virtio_net.h>

/* The header before each frame, host byte order. */
#define VNET_HEAD ((size_t)sizeof(struct virtio_net_hdr))

typedef struct {
  packet_t packet;
  uint8_t *bytes;
  bool partial;      /* the checksum is unfinished */
  size_t segment;    /* bytes behind the headers in each segment; 0: it is not to be cut */
  size_t count;      /* segments, at least 1 */
  size_t longest;    /* length of the longest, with its headers */
} burst_t;

/* Reads an IPv4 packet with its offload header. Returns false when the two do not fit, or it is no packet. */
bool burst_read(burst_t *burst, const struct virtio_net_hdr *offload, uint8_t *bytes, size_t size);

/* The length of segment `n`, with its headers. */
size_t burst_length(const burst_t *burst, size_t n);

/* Writes segment `n` to `out`. Its checksum is left to the receiver if `partial`, else as it was. Returns its length. */
size_t burst_segment(const burst_t *burst, size_t n, uint8_t *out);

#endif
