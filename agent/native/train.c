#include "train.h"

#include "packet.h"
#include "reader.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static int send_once(int fd, const struct msghdr *message, int wait_ms) {
  for (bool waited = wait_ms == 0, failed = false;;) {
    if (sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
    if (errno == EINTR) continue;
    if (errno == EAGAIN && !waited) {
      struct pollfd polled = {.fd = fd, .events = POLLOUT};
      (void)poll(&polled, 1, wait_ms);
      waited = true;
    } else if (errno == EAGAIN || errno == EMSGSIZE || failed) {
      return errno;
    } else {
      /* The first failure may be what the network said of an earlier datagram. */
      failed = true;
    }
  }
}

int send_datagram(reader_t *socket, const endpoint_t *to, const uint8_t *bytes, size_t length, int wait_ms) {
  struct iovec piece = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr message = {
      .msg_name = (void *)&to->address, .msg_namelen = to->length, .msg_iov = &piece, .msg_iovlen = 1};
  return send_once(socket->fd, &message, wait_ms);
}

/* Notes whether it was worth the wait. */
static bool was_sent(train_t *train, int error, uint64_t records) {
  if (error == EAGAIN) train->wait_ms = 0;
  count_add(&train->lanes->statistics, error == 0 ? FAST_OUT : UDP_FULL, records);
  return error == 0;
}

static int send_train(reader_t *socket, const train_t *train) {
  struct iovec piece = {.iov_base = (void *)train->bytes, .iov_len = train->used};
  union {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr align;
  } control = {{0}};
  struct msghdr message = {.msg_name = (void *)&train->lane->remote.address,
                           .msg_namelen = train->lane->remote.length,
                           .msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = IPPROTO_UDP;
  head->cmsg_type = UDP_SEGMENT;
  head->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  uint16_t record = (uint16_t)train->record;
  memcpy(CMSG_DATA(head), &record, sizeof record);
  return send_once(socket->fd, &message, train->wait_ms);
}

static void send_singly(reader_t *socket, train_t *train) {
  for (size_t at = 0; at < train->used; at += train->record) {
    size_t rest = train->used - at;
    size_t length = rest < train->record ? rest : train->record;
    count_add(&train->lanes->statistics, SENDS, 1);
    (void)was_sent(train, send_datagram(socket, &train->lane->remote, train->bytes + at, length, train->wait_ms), 1);
  }
}

void train_flush(train_t *train) {
  if (train->used == 0) {
    train->lane = NULL;
    return;
  }
  reader_t *socket = train->lane->socket;
  if (socket == NULL) {
    count_add(&train->lanes->statistics, UDP_FULL, train->count);
  } else if (train->count == 1 || socket->no_segments || train->lane->no_segments) {
    send_singly(socket, train);
  } else {
    count_add(&train->lanes->statistics, SENDS, 1);
    int error = send_train(socket, train);
    /* The device on this way cannot do checksums. */
    if (error == EIO) train->lane->no_segments = true;
    /* The kernel is older than 4.18. */
    if (error == ENOPROTOOPT || error == EOPNOTSUPP) socket->no_segments = true;
    /* EINVAL: a record is longer than the device takes; each by itself meets its own fate. */
    if (train->lane->no_segments || socket->no_segments || error == EINVAL || error == EMSGSIZE) send_singly(socket, train);
    else (void)was_sent(train, error, train->count);
  }
  train->lane = NULL;
  train->used = 0;
  train->count = 0;
}

uint8_t *train_room(train_t *train, lane_t *lane, size_t length) {
  size_t record = length + RECORD_OVERHEAD;
  bool fits = train->lane == lane && record <= train->record && train->count < TRAIN_RECORDS &&
              train->used + record <= TRAIN_BYTES;
  if (!fits) train_flush(train);
  if (train->lane == NULL) {
    train->lane = lane;
    train->record = record;
  }
  return record_packet(train->bytes + train->used);
}

void train_seal(train_t *train, uint8_t flags, size_t length) {
  lane_t *lane = train->lane;
  pthread_mutex_lock(&lane->sealing);
  size_t record = seal(lane->sealer, train->bytes + train->used, lane->remote_index, flags, length);
  __atomic_fetch_add(&lane->sent_packets, 1, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&lane->sealing);
  if (record == 0) return;
  train->used += record;
  train->count++;
  if (record < train->record) train_flush(train);
}

/* Room for a record of a whole packet, or of half of one. */
#define WHOLE (RECORD_OVERHEAD + IPV4_MAX)
#define HALF (RECORD_OVERHEAD + IPV4_MAX / 2 + 1)

/* Seals a packet, or half of it; the caller has locked `sealing`. Returns the record's length; 0: the keys are used up. */
static size_t seal_part(lane_t *lane, uint8_t *record, uint8_t flags, const uint8_t *bytes, size_t length) {
  memcpy(record_packet(record), bytes, length);
  __atomic_fetch_add(&lane->sent_packets, 1, __ATOMIC_RELAXED);
  return seal(lane->sealer, record, lane->remote_index, flags, length);
}

static bool send_record(lanes_t *lanes, lane_t *lane, const uint8_t *record, size_t size, int wait_ms) {
  if (size == 0 || lane->socket == NULL) return false;
  bool sent = send_datagram(lane->socket, &lane->remote, record, size, wait_ms) == 0;
  if (!sent) count_add(&lanes->statistics, UDP_FULL, 1);
  return sent;
}

static bool send_whole(lanes_t *lanes, lane_t *lane, uint8_t flags, const uint8_t *packet, size_t length, int wait_ms) {
  uint8_t record[WHOLE];
  pthread_mutex_lock(&lane->sealing);
  size_t size = seal_part(lane, record, flags, packet, length);
  pthread_mutex_unlock(&lane->sealing);
  return send_record(lanes, lane, record, size, wait_ms);
}

/* The receiver joins two records whose counters follow each other, so nothing is sealed between them. */
static bool send_halves(lanes_t *lanes, lane_t *lane, uint8_t flags, const uint8_t *packet, size_t length, int wait_ms) {
  uint8_t first[HALF], second[HALF];
  size_t half = length / 2;
  pthread_mutex_lock(&lane->sealing);
  size_t first_size = seal_part(lane, first, flags | FLAG_FIRST_HALF, packet, half);
  size_t second_size = seal_part(lane, second, flags | FLAG_SECOND_HALF, packet + half, length - half);
  pthread_mutex_unlock(&lane->sealing);
  return send_record(lanes, lane, first, first_size, wait_ms) && send_record(lanes, lane, second, second_size, wait_ms);
}

bool lane_send(lanes_t *lanes, lane_t *lane, uint8_t flags, const uint8_t *packet, size_t length, int wait_ms) {
  if (length <= lane->longest || (flags & FLAG_PROBE) != 0) return send_whole(lanes, lane, flags, packet, length, wait_ms);
  if (length > lane_most(lane)) return false;
  return send_halves(lanes, lane, flags, packet, length, wait_ms);
}
