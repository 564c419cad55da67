#include "outbound.h"

#include "segment.h"
#include "train.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Frames of one batch, and records after which it ends. The lanes are locked so long: a few ms of sealing at most. */
#define BATCH 16
#define BATCH_RECORDS 1000
/* What JavaScript reads of a frame of another protocol than IPv4: an ARP packet. */
#define OTHER_MAX 64
/* The longest frame: a packet, with headers. */
#define FRAME_MAX (IPV4_MAX + ETHERNET_HEAD + 1)

typedef struct {
  train_t train;
  uint8_t frame[sizeof(struct virtio_net_hdr) + FRAME_MAX];
  uint8_t segment[FRAME_MAX];
} outbound_t;

void *outbound_new(void) {
  return calloc(1, sizeof(outbound_t));
}

/* Hands a packet over as the frames that a tap without offloads would have brought. */
static void leave_packet(reader_t *tap, outbound_t *out, const burst_t *burst, const uint8_t *ethernet) {
  for (size_t n = 0; n < burst->count; n++) {
    size_t length = burst_segment(burst, n, out->segment);
    packet_t packet;
    if (burst->partial && packet_read(&packet, out->segment, length)) checksum_complete(out->segment, &packet);
    reader_post(tap, 0, ethernet, ETHERNET_HEAD, out->segment, length);
  }
}

/* The lane that takes the burst; NULL: JavaScript decides. */
static lane_t *lane_for(const lanes_t *lanes, const burst_t *burst, int64_t now, ip_entry_t **route) {
  const packet_t *packet = &burst->packet;
  if (packet->fragment || packet->dhcp || (packet->tcp_flags & TCP_SYN) != 0 || burst->longest > lanes->mtu) return NULL;
  if (!is_permitted(lanes, now)) return NULL;
  const ip_entry_t *source = ip_table_find(&lanes->locals, packet->source);
  if (source == NULL || now >= source->until || ip_table_find(&lanes->locals, packet->destination) != NULL) return NULL;
  *route = ip_table_find(&lanes->routes, packet->destination);
  lane_t *lane = *route == NULL ? NULL : lane_of((lanes_t *)lanes, (*route)->lane);
  return lane == NULL || lane->socket == NULL || burst->longest > lane_most(lane) ? NULL : lane;
}

static void send_burst(lanes_t *lanes, outbound_t *out, const burst_t *burst, lane_t *lane, standing_queue_t *queue,
                       int64_t now) {
  uint8_t flags = burst->partial ? FLAG_PARTIAL : 0;
  bool alone = burst->longest > lane->longest || burst->longest + RECORD_OVERHEAD > TRAIN_BYTES;
  if (alone) train_flush(&out->train);
  size_t first = 0;
  if (queue_took(queue, &lane->out, burst->packet.length, now)) {
    /* One segment is as good as all: the sender slows down. */
    count_add(&lanes->statistics, QUEUE_FULL, 1);
    first = 1;
  }
  for (size_t n = first; n < burst->count; n++) {
    if (alone) {
      size_t length = burst_segment(burst, n, out->segment);
      bool sent = lane_send(lanes, lane, flags, out->segment, length, out->train.wait_ms);
      if (sent) count_add(&lanes->statistics, FAST_OUT, 1);
      else out->train.wait_ms = 0;
    } else {
      uint8_t *room = train_room(&out->train, lane, burst_length(burst, n));
      train_seal(&out->train, flags, burst_segment(burst, n, room));
    }
  }
}

/* A datagram of our own sockets: the tap must not carry what carries it, whatever the kernel's routes say. */
static bool is_looped(const lanes_t *lanes, const packet_t *packet, const uint8_t *bytes) {
  if (packet->protocol != PROTOCOL_UDP || packet->head == packet->ip_head || packet->length == packet->head) return false;
  /* Another host behind this one, or a socket of another address, may use the port, too. */
  uint8_t kind = bytes[packet->head];
  return is_own_port(lanes, get16(bytes + packet->ip_head)) && kind >= FIRST_KIND && kind <= LAST_KIND;
}

/* Returns how many records that came to. */
static size_t sort(reader_t *tap, outbound_t *out, size_t size, int64_t now) {
  lanes_t *lanes = tap->lanes;
  struct virtio_net_hdr offload;
  memcpy(&offload, out->frame, VNET_HEAD);
  uint8_t *ethernet = out->frame + VNET_HEAD, *bytes = ethernet + ETHERNET_HEAD;
  bool is_plain = offload.gso_type == VIRTIO_NET_HDR_GSO_NONE && (offload.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0;
  burst_t burst;
  bool is_ip4 = size >= VNET_HEAD + ETHERNET_HEAD && get16(ethernet + 12) == ETHERTYPE_IPV4 &&
                burst_read(&burst, &offload, bytes, size - VNET_HEAD - ETHERNET_HEAD);
  if (!is_ip4) {
    /* Of other protocols JavaScript wants only the first bytes, if any. */
    bool is_other = size < VNET_HEAD + ETHERNET_HEAD || get16(ethernet + 12) != ETHERTYPE_IPV4;
    size_t length = size > VNET_HEAD ? size - VNET_HEAD : 0;
    if (is_other) reader_post(tap, 0, ethernet, length < OTHER_MAX ? length : OTHER_MAX, NULL, 0);
    else if (is_plain) reader_post(tap, 0, ethernet, length, NULL, 0);
    else count_add(&lanes->statistics, BAD_OFFLOAD, 1);
    return 0;
  }
  if (is_looped(lanes, &burst.packet, bytes)) {
    count_add(&lanes->statistics, LOOPED, 1);
    return 0;
  }
  ip_entry_t *route = NULL;
  bool is_ours = memcmp(ethernet, lanes->agent_mac, sizeof lanes->agent_mac) == 0;
  lane_t *lane = is_ours ? lane_for(lanes, &burst, now, &route) : NULL;
  if (lane == NULL) {
    leave_packet(tap, out, &burst, ethernet);
    return burst.count;
  }
  send_burst(lanes, out, &burst, lane, &tap->queue, now);
  __atomic_fetch_add(&route->sent_bytes, burst.packet.length, __ATOMIC_RELAXED);
  return burst.count;
}

int outbound_drain(reader_t *tap) {
  outbound_t *out = tap->scratch;
  lanes_t *lanes = tap->lanes;
  out->train.lanes = lanes;
  out->train.wait_ms = ROOM_WAIT_MS;
  int error = 0, count = 0;
  size_t records = 0;
  tap->pace.empty = false;
  pthread_rwlock_rdlock(&lanes->lock);
  while (count < BATCH && records < BATCH_RECORDS) {
    ssize_t size = read(tap->fd, out->frame, sizeof out->frame);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      error = size < 0 ? errno : 0;
      reader_empty(tap);
      break;
    }
    count++;
    records += sort(tap, out, (size_t)size, now_ns());
  }
  train_flush(&out->train);
  pthread_rwlock_unlock(&lanes->lock);
  tap->pace.taken += (uint32_t)count;
  /* EIO: the interface is down, which passes. */
  return count > 0 || error == EAGAIN || error == EIO ? 0 : error;
}
