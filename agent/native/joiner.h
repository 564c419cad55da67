/*
 * Packets of one flow that came one after the other, joined into one for the tap: its kernel takes up to 64 KB in one piece
 * and cuts it again only if somebody needs that (virtio 1.2, section 5.1.6.2). The opposite of segment.h.
 *
 * Promise: only packets that a kernel would have cut out of one are joined, so what comes out is what went in.
 */
#ifndef WOW_JOINER_H
#define WOW_JOINER_H

#include "lanes.h"
#include "segment.h"

#include <sys/uio.h>

#define JOINED_MAX 64

typedef struct {
  lanes_t *lanes;
  packet_t first; /* with the length of all that was joined */
  uint8_t *bytes; /* of the first packet */
  bool partial;
  size_t segment; /* payload bytes of each packet but the last */
  bool full;
  uint8_t mac[6];
  struct virtio_net_hdr offload;
  uint8_t ethernet[ETHERNET_HEAD];
  struct iovec pieces[3 + JOINED_MAX];
  int count; /* packets, 0: empty */
} joiner_t;

/* Takes a packet for the station `mac`. `bytes` must stay until the flush. Its checksum is left to the tap if `partial`. */
void joiner_add(joiner_t *joiner, const packet_t *packet, uint8_t *bytes, bool partial, const uint8_t *mac);
void joiner_flush(joiner_t *joiner);

#endif
