#include "inbound.h"

#include "joiner.h"
#include "train.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Receives of one batch. */
#define BATCH 16
#define DATAGRAM_MAX 65536
#define MOVED_SPACING_NS 1000000000
/* Probes of one lane that are left to JavaScript in a period. */
#define PROBES_MAX 16
#define PROBE_PERIOD_NS 1000000000

typedef struct {
  joiner_t joiner;
  uint8_t bytes[DATAGRAM_MAX];
} inbound_t;

typedef struct {
  reader_t *socket;
  const endpoint_t *from;
  uint8_t place[PLACE_HEAD];
  int64_t now;
} arrival_t;

void *inbound_new(void) {
  return calloc(1, sizeof(inbound_t));
}

static void write_place(uint8_t *place, const endpoint_t *from) {
  memset(place, 0, PLACE_HEAD);
  if (from->address.ss_family == AF_INET6) {
    const struct sockaddr_in6 *address = (const struct sockaddr_in6 *)&from->address;
    place[0] = 6;
    memcpy(place + 2, &address->sin6_port, 2);
    memcpy(place + 4, &address->sin6_addr, 16);
  } else {
    const struct sockaddr_in *address = (const struct sockaddr_in *)&from->address;
    place[0] = 4;
    memcpy(place + 2, &address->sin_port, 2);
    memcpy(place + 4, &address->sin_addr, 4);
  }
}

static bool same_place(const endpoint_t *a, const endpoint_t *b) {
  if (a->address.ss_family != b->address.ss_family) return false;
  if (a->address.ss_family == AF_INET6) {
    const struct sockaddr_in6 *one = (const struct sockaddr_in6 *)&a->address;
    const struct sockaddr_in6 *other = (const struct sockaddr_in6 *)&b->address;
    return one->sin6_port == other->sin6_port && memcmp(&one->sin6_addr, &other->sin6_addr, 16) == 0;
  }
  const struct sockaddr_in *one = (const struct sockaddr_in *)&a->address;
  const struct sockaddr_in *other = (const struct sockaddr_in *)&b->address;
  return one->sin_port == other->sin_port && one->sin_addr.s_addr == other->sin_addr.s_addr;
}

static void leave(const arrival_t *arrival, uint32_t tag, const uint8_t *bytes, size_t length) {
  reader_post(arrival->socket, tag, arrival->place, PLACE_HEAD, bytes, length);
}

/* The lane's station for the packet; NULL: JavaScript decides. */
static const ip_entry_t *station_for(const lanes_t *lanes, const lane_t *lane, const packet_t *packet,
                                     const uint8_t *bytes, int64_t now) {
  if (packet->fragment || packet->dhcp || (packet->tcp_flags & TCP_SYN) != 0 || packet->length > lanes->mtu) return NULL;
  if (!is_permitted(lanes, now) || !ip_checksum_holds(bytes, packet->ip_head)) return NULL;
  ip_entry_t *route = ip_table_find(&lanes->routes, packet->source);
  if (route == NULL || route->lane != lane->index) return NULL;
  const ip_entry_t *local = ip_table_find(&lanes->locals, packet->destination);
  if (local == NULL || now >= local->until) return NULL;
  __atomic_fetch_add(&route->got_bytes, packet->length, __ATOMIC_RELAXED);
  return local;
}

static void take_packet(const arrival_t *arrival, joiner_t *joiner, lane_t *lane, uint8_t flags, uint8_t *bytes,
                        size_t length) {
  lanes_t *lanes = joiner->lanes;
  packet_t packet;
  bool partial = (flags & FLAG_PARTIAL) != 0;
  if (!packet_read(&packet, bytes, length) || (partial && !has_checksum(&packet))) {
    count_add(&lanes->statistics, ODD_RECORD, 1);
    return;
  }
  const ip_entry_t *station = station_for(lanes, lane, &packet, bytes, arrival->now);
  if (station != NULL) {
    joiner_add(joiner, &packet, bytes, partial, station->mac);
    count_add(&lanes->statistics, FAST_IN, 1);
    return;
  }
  if (partial) checksum_complete(bytes, &packet);
  leave(arrival, lane->index, bytes, packet.length);
}

static void keep_half(lane_t *lane, uint64_t counter, const uint8_t *bytes, size_t length) {
  free(lane->half);
  lane->half = malloc(IPV4_MAX);
  lane->half_length = lane->half == NULL ? 0 : length;
  lane->half_counter = counter;
  if (lane->half != NULL) memcpy(lane->half, bytes, length);
}

static void take_half(const arrival_t *arrival, joiner_t *joiner, lane_t *lane, uint8_t flags, uint64_t counter,
                      uint8_t *bytes, size_t length) {
  if ((flags & FLAG_FIRST_HALF) != 0) {
    keep_half(lane, counter, bytes, length);
    return;
  }
  if (lane->half == NULL || counter != lane->half_counter + 1 || lane->half_length + length > IPV4_MAX) {
    count_add(&joiner->lanes->statistics, ODD_RECORD, 1);
    return;
  }
  memcpy(lane->half + lane->half_length, bytes, length);
  take_packet(arrival, joiner, lane, flags, lane->half, lane->half_length + length);
  joiner_flush(joiner); /* before the next half comes here */
  free(lane->half);
  lane->half = NULL;
}

/* JavaScript answers each probe, and an honest peer sends few. */
static bool is_flood(lane_t *lane, int64_t now) {
  if (now - lane->probes_since > PROBE_PERIOD_NS) {
    lane->probes_since = now;
    lane->probes = 0;
  }
  return ++lane->probes > PROBES_MAX;
}

static void leave_probe(const arrival_t *arrival, const lane_t *lane, size_t size) {
  uint8_t probe[3] = {0, (uint8_t)(size >> 8), (uint8_t)size};
  leave(arrival, lane->index, probe, sizeof probe);
}

static void take_record(const arrival_t *arrival, joiner_t *joiner, uint8_t *record, size_t length) {
  lanes_t *lanes = joiner->lanes;
  if (length <= RECORD_OVERHEAD) {
    count_add(&lanes->statistics, SHORT_RECORD, 1);
    return;
  }
  lane_t *lane = lane_of(lanes, record_receiver(record));
  if (lane == NULL) {
    count_add(&lanes->statistics, NO_LANE, 1);
    return;
  }
  pthread_mutex_lock(&lane->opening);
  opened_t opened = open_record(lane->opener, record, length);
  if (opened != OPENED) {
    pthread_mutex_unlock(&lane->opening);
    count_add(&lanes->statistics, opened == FORGED ? FORGED_RECORD : REPLAYED_RECORD, 1);
    return;
  }
  uint8_t flags = record_flags(record), *packet = record_packet(record);
  size_t size = length - RECORD_OVERHEAD;
  __atomic_fetch_add(&lane->got_packets, 1, __ATOMIC_RELAXED);
  if (!same_place(arrival->from, &lane->remote) && arrival->now - lane->moved_at > MOVED_SPACING_NS) {
    lane->moved_at = arrival->now;
    leave(arrival, lane->index, NULL, 0);
  }
  share_t *share = &lane->in[arrival->from->address.ss_family == AF_INET6];
  if (queue_took(&arrival->socket->queue, share, size, arrival->now)) {
    count_add(&lanes->statistics, QUEUE_FULL, 1);
  } else if ((flags & FLAG_PROBE) != 0) {
    if (is_flood(lane, arrival->now)) count_add(&lanes->statistics, PROBE_FLOOD, 1);
    else leave_probe(arrival, lane, size);
  } else if ((flags & (FLAG_FIRST_HALF | FLAG_SECOND_HALF)) != 0) {
    take_half(arrival, joiner, lane, flags, record_counter(record), packet, size);
  } else {
    take_packet(arrival, joiner, lane, flags, packet, size);
  }
  pthread_mutex_unlock(&lane->opening);
}

/* The first message of a handshake. */
static void take_first(const arrival_t *arrival, const uint8_t *datagram, size_t length) {
  lanes_t *lanes = arrival->socket->lanes;
  uint8_t reply[COOKIE_LENGTH];
  verdict_t verdict = gate_look(lanes->gate, arrival->place, datagram, length, arrival->now, reply, &lanes->statistics);
  if (verdict == GATE_PASS) leave(arrival, 0, datagram, length);
  else if (verdict == GATE_REPLY) (void)send_datagram(arrival->socket, arrival->from, reply, sizeof reply, 0);
}

static ssize_t receive(reader_t *socket, uint8_t *bytes, endpoint_t *from, size_t *segment) {
  struct iovec piece = {.iov_base = bytes, .iov_len = DATAGRAM_MAX};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  struct msghdr message = {.msg_name = &from->address,
                           .msg_namelen = sizeof from->address,
                           .msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  ssize_t length = recvmsg(socket->fd, &message, MSG_DONTWAIT);
  from->length = message.msg_namelen;
  *segment = 0;
  if (length < 0) return length;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != IPPROTO_UDP || head->cmsg_type != UDP_GRO) continue;
    int size;
    memcpy(&size, CMSG_DATA(head), sizeof size);
    if (size > 0) *segment = (size_t)size;
  }
  return length;
}

/* Whether the message tells of an ICMP "port unreachable". */
static bool is_refusal(struct msghdr *message) {
  for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
    bool ip4 = head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_RECVERR;
    bool ip6 = head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_RECVERR;
    if (!ip4 && !ip6) continue;
    struct sock_extended_err error;
    memcpy(&error, CMSG_DATA(head), sizeof error);
    return error.ee_origin != SO_EE_ORIGIN_LOCAL && error.ee_errno == ECONNREFUSED;
  }
  return false;
}

/* Reads what the network said of datagrams that were sent. */
static void drain_errors(reader_t *socket) {
  for (int i = 0; i < BATCH; i++) {
    endpoint_t to;
    char control[512];
    struct msghdr message = {.msg_name = &to.address,
                             .msg_namelen = sizeof to.address,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    if (recvmsg(socket->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    if (!is_refusal(&message) || message.msg_namelen == 0) continue;
    socket->pace.taken++;
    arrival_t arrival = {.socket = socket, .from = &to};
    write_place(arrival.place, &to);
    leave(&arrival, TAG_REFUSED, NULL, 0);
  }
}

int inbound_drain(reader_t *socket) {
  inbound_t *in = socket->scratch;
  lanes_t *lanes = socket->lanes;
  in->joiner.lanes = lanes;
  drain_errors(socket);
  for (int i = 0; i < BATCH; i++) {
    endpoint_t from;
    size_t segment;
    ssize_t length = receive(socket, in->bytes, &from, &segment);
    if (length < 0 && errno == EINTR) continue;
    socket->pace.empty = false;
    if (length < 0) reader_empty(socket);
    /* Errors of the network (an ICMP message) are those of one datagram, and are in the queue of errors. */
    if (length < 0) return errno == EBADF || errno == ENOTSOCK ? errno : 0;
    arrival_t arrival = {.socket = socket, .from = &from};
    write_place(arrival.place, &from);
    size_t step = segment == 0 ? (size_t)length : segment;
    pthread_rwlock_rdlock(&lanes->lock);
    arrival.now = now_ns();
    for (size_t at = 0; at < (size_t)length; at += step) {
      size_t rest = (size_t)length - at, size = rest < step ? rest : step;
      uint8_t *datagram = in->bytes + at;
      if (datagram[0] == RECORD_KIND) take_record(&arrival, &in->joiner, datagram, size);
      else if (datagram[0] == FIRST_KIND) take_first(&arrival, datagram, size);
      else leave(&arrival, 0, datagram, size);
    }
    joiner_flush(&in->joiner);
    pthread_rwlock_unlock(&lanes->lock);
  }
  return 0;
}
