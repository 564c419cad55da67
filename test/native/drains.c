/*
 * Runs what the addon's threads do, without JavaScript, and prints what came of it as JSON:
 *
 *   drains halves   packets that go in halves while another thread sends on the same lane: joined, not to be joined
 *   drains full     a batch of packets in halves through a socket that is full: how often a send waited
 *   drains permit   two frames, between which the permit ends: records that left
 *   drains tiny     a frame that is to be cut into segments of one byte: records that left, frames refused
 *
 * The linker wraps poll and now_ns.
 */
#include "inbound.h"
#include "ip-table.h"
#include "outbound.h"
#include "reader.h"
#include "segment.h"
#include "train.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HERE 0x0a800006u
#define THERE 0x0a800005u
#define OUR_INDEX 5
#define SAFE 1202

static const uint8_t AGENT[6] = {2, 'W', 'O', 'W', 0, 1};
static const uint8_t KEY[RECORD_KEY] = {1};

int uv_async_send(uv_async_t *bell) {
  (void)bell;
  return 0;
}

static unsigned polls;
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms) {
  (void)fds;
  (void)count;
  (void)ms;
  polls++;
  return 0;
}

/* The clock moves on by a second each time somebody looks. */
static int64_t now;
int64_t __wrap_now_ns(void) {
  now += 1000000000;
  return now;
}

static reader_t *reader_at(lanes_t *lanes, int fd, void *scratch) {
  reader_t *reader = calloc(1, sizeof *reader);
  reader->fd = fd;
  reader->lanes = lanes;
  reader->scratch = scratch;
  mailbox_init(&reader->mail, malloc(2 * MAILBOX_BYTES), calloc(2 * MAILBOX_MESSAGES * PLACE_WORDS, sizeof(uint32_t)),
               NULL);
  return reader;
}

typedef struct {
  lanes_t *lanes;
  lane_t *lane;
  reader_t *tap;
  int kernel; /* the other end of the tap */
  int peer;   /* the other end of the socket */
} world_t;

static world_t world(size_t longest) {
  world_t it = {.lanes = lanes_new(AGENT)};
  int tap[2], socket[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, tap) != 0) exit(1);
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, socket) != 0) exit(1);
  it.tap = reader_at(it.lanes, tap[0], outbound_new());
  it.kernel = tap[1];
  it.peer = socket[1];
  it.lanes->tap = it.tap;
  it.lanes->mtu = 1400;
  it.lanes->permit_until = INT64_MAX;
  it.lane = lane_add(it.lanes, OUR_INDEX, 7, KEY, KEY);
  it.lane->socket = reader_at(it.lanes, socket[0], inbound_new());
  it.lane->longest = longest;
  ip_table_add(&it.lanes->routes, THERE)->lane = OUR_INDEX;
  ip_table_add(&it.lanes->locals, HERE)->until = INT64_MAX;
  return it;
}

/* The kernel brings a TCP packet, to be cut into segments of `segment` bytes unless that is 0. */
static void bring(const world_t *it, size_t payload, uint16_t segment) {
  static uint8_t frame[VNET_HEAD + ETHERNET_HEAD + IPV4_MAX];
  memset(frame, 0, sizeof frame);
  struct virtio_net_hdr offload = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
  if (segment != 0) {
    offload.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    offload.gso_size = segment;
  }
  memcpy(frame, &offload, VNET_HEAD);
  uint8_t *ethernet = frame + VNET_HEAD, *ip = ethernet + ETHERNET_HEAD;
  memcpy(ethernet, AGENT, sizeof AGENT);
  put16(ethernet + 12, ETHERTYPE_IPV4);
  ip[0] = 0x45;
  put16(ip + 2, (uint16_t)(40 + payload));
  ip[9] = PROTOCOL_TCP;
  put32(ip + 12, HERE);
  put32(ip + 16, THERE);
  ip_checksum_write(ip, 20);
  ip[32] = 0x50;
  ip[33] = TCP_ACK;
  if (send(it->kernel, frame, VNET_HEAD + ETHERNET_HEAD + 40 + payload, 0) < 0) exit(1);
}

static unsigned long count_of(const world_t *it, statistic_t which) {
  return (unsigned long)it->lanes->statistics.counts[which];
}

static bool stopped;

static void *send_others(void *data) {
  world_t *it = data;
  uint8_t packet[100] = {0};
  while (!__atomic_load_n(&stopped, __ATOMIC_RELAXED)) {
    pthread_rwlock_rdlock(&it->lanes->lock);
    (void)lane_send(it->lanes, it->lane, FLAG_PROBE, packet, sizeof packet, 0);
    pthread_rwlock_unlock(&it->lanes->lock);
  }
  return NULL;
}

static void halves(void) {
  static world_t it;
  it = world(SAFE);
  static opener_t *opener;
  opener = opener_new(KEY);
  pthread_t other;
  pthread_create(&other, NULL, send_others, &it);
  static uint8_t packet[1400], record[65536];
  unsigned long joined = 0, torn = 0;
  uint64_t first = 0;
  for (int i = 0; i < 20000; i++) {
    (void)lane_send(it.lanes, it.lane, 0, packet, sizeof packet, 0);
    for (ssize_t size; (size = recv(it.peer, record, sizeof record, 0)) > 0;) {
      if (open_record(opener, record, (size_t)size) != OPENED) continue;
      if ((record_flags(record) & FLAG_FIRST_HALF) != 0) first = record_counter(record);
      else if ((record_flags(record) & FLAG_SECOND_HALF) == 0) continue;
      else if (record_counter(record) == first + 1) joined++;
      else torn++;
    }
  }
  __atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
  pthread_join(other, NULL);
  printf("[%s,%lu]\n", joined > 1000 ? "true" : "false", torn);
}

static void full(void) {
  static world_t it;
  it = world(SAFE);
  uint8_t filler[1400] = {0};
  while (send(it.lane->socket->fd, filler, sizeof filler, 0) > 0) {
  }
  for (int i = 0; i < 2; i++) bring(&it, 60000, 1360);
  (void)outbound_drain(it.tap);
  uint8_t packet[1400] = {0};
  unsigned after = polls;
  (void)lane_send(it.lanes, it.lane, 0, packet, sizeof packet, 0);
  printf("[%u,%u]\n", after, polls - after);
}

static void permit(void) {
  static world_t it;
  it = world(1400);
  bring(&it, 100, 0);
  bring(&it, 100, 0);
  it.lanes->permit_until = now + 1500000000;
  (void)outbound_drain(it.tap);
  printf("[%lu]\n", count_of(&it, FAST_OUT));
}

static void tiny(void) {
  static world_t it;
  it = world(1400);
  bring(&it, 60000, 1);
  (void)outbound_drain(it.tap);
  printf("[%lu,%lu]\n", count_of(&it, FAST_OUT), count_of(&it, BAD_OFFLOAD));
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "halves") == 0) halves();
  else if (strcmp(argv[1], "full") == 0) full();
  else if (strcmp(argv[1], "permit") == 0) permit();
  else if (strcmp(argv[1], "tiny") == 0) tiny();
  else return 2;
  return 0;
}
