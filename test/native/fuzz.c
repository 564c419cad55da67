/*
 * Throws random and half-right bytes at everything of the addon that reads what others wrote, under the sanitizers:
 *
 *   fuzz <inputs> <seed>
 *
 * Each buffer is as long as what is in it, so that a byte read or written beside it is found. Prints what it did.
 */
#include "gate.h"
#include "ip-table.h"
#include "joiner.h"
#include "mailbox.h"
#include "reader.h"
#include "record.h"
#include "segment.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t state;

/* xorshift64* */
static uint32_t draw(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)(state * 2685821657736338717u >> 32);
}
static uint32_t below(uint32_t n) {
  return draw() % n;
}
static void fill(uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)draw();
}

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

/* The parts that call JavaScript are not in this program. */
int uv_async_send(uv_async_t *bell) {
  (void)bell;
  return 0;
}

/* ---- packets ------------------------------------------------------------------------------------------------ */

/* A well-formed packet of `payload` bytes behind its headers; its checksums are right. */
static uint8_t *make_packet(uint8_t protocol, size_t payload, size_t *length) {
  size_t ip_head = 20 + 4 * (below(4) == 0 ? below(11) : 0);
  size_t head = protocol == PROTOCOL_TCP ? 20 + 4 * below(11) : protocol == PROTOCOL_UDP ? 8 : 0;
  *length = ip_head + head + payload;
  uint8_t *bytes = malloc(*length);
  fill(bytes, *length);
  bytes[0] = (uint8_t)(0x40 | ip_head / 4);
  put16(bytes + 2, (uint16_t)*length);
  put16(bytes + 6, 0x4000);
  bytes[9] = protocol;
  uint8_t *inner = bytes + ip_head;
  if (protocol == PROTOCOL_TCP) {
    inner[12] = (uint8_t)(head / 4 << 4);
    inner[13] = TCP_ACK | (below(2) ? TCP_PSH : 0);
  } else if (protocol == PROTOCOL_UDP) {
    put16(inner, 5000);
    put16(inner + 2, 5001);
    put16(inner + 4, (uint16_t)(head + payload));
  }
  ip_checksum_write(bytes, ip_head);
  packet_t packet;
  if (!packet_read(&packet, bytes, *length)) fail("a good packet was not read");
  if (has_checksum(&packet)) checksum_complete(bytes, &packet);
  return bytes;
}

static void read_segments(const burst_t *burst) {
  for (size_t n = 0; n < burst->count; n++) {
    size_t length = burst_length(burst, n);
    uint8_t *out = malloc(length);
    if (burst_segment(burst, n, out) != length) fail("a segment is not as long as was said");
    packet_t packet;
    if (!packet_read(&packet, out, length)) fail("a segment is no packet");
    if (burst->partial) checksum_complete(out, &packet);
    free(out);
  }
}

static void wrong_packets(void) {
  size_t length;
  uint8_t *bytes;
  if (below(2) == 0) {
    length = below(200);
    bytes = malloc(length);
    fill(bytes, length);
    if (length > 0 && below(2)) bytes[0] = 0x45;
  } else {
    uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, 1};
    bytes = make_packet(protocols[below(3)], below(3000), &length);
    for (uint32_t i = below(4); i > 0; i--) bytes[below((uint32_t)(length < 60 ? length : 60))] = (uint8_t)draw();
  }
  struct virtio_net_hdr offload;
  fill((uint8_t *)&offload, sizeof offload);
  if (below(2)) offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
  if (below(2)) offload.gso_type = below(2) ? VIRTIO_NET_HDR_GSO_TCPV4 : 5;
  if (below(2)) offload.gso_size = (uint16_t)(1 + below(1500));
  burst_t burst;
  if (burst_read(&burst, &offload, bytes, length)) read_segments(&burst);
  free(bytes);
}

/* ---- cutting and joining are each other's opposite ---------------------------------------------------------- */

static void cut_and_join(reader_t *tap, int far_end) {
  uint8_t protocol = below(2) ? PROTOCOL_TCP : PROTOCOL_UDP;
  size_t segment = 1 + below(1400), count = 1 + below(40), last = 1 + below((uint32_t)segment), length;
  size_t payload = (count - 1) * segment + last;
  if (payload > 60000) return;
  uint8_t *bytes = make_packet(protocol, payload, &length);
  struct virtio_net_hdr offload = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                   .gso_type = protocol == PROTOCOL_TCP ? VIRTIO_NET_HDR_GSO_TCPV4 : 5,
                                   .gso_size = (uint16_t)segment};
  burst_t burst;
  if (!burst_read(&burst, &offload, bytes, length)) fail("a good burst was not read");
  static joiner_t joiner;
  joiner.lanes = tap->lanes;
  uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
  uint8_t **parts = calloc(burst.count, sizeof *parts);
  for (size_t n = 0; n < burst.count; n++) {
    size_t part = burst_length(&burst, n);
    parts[n] = malloc(part);
    burst_segment(&burst, n, parts[n]);
    packet_t packet;
    if (!packet_read(&packet, parts[n], part)) fail("a segment is no packet");
    joiner_add(&joiner, &packet, parts[n], true, mac);
  }
  joiner_flush(&joiner);
  for (size_t n = 0; n < burst.count; n++) free(parts[n]);
  free(parts);

  static uint8_t frame[70000];
  ssize_t got = recv(far_end, frame, sizeof frame, MSG_DONTWAIT);
  if (got != (ssize_t)(VNET_HEAD + ETHERNET_HEAD + length)) fail("what was cut was not joined to one packet");
  packet_t packet;
  uint8_t *joined = frame + VNET_HEAD + ETHERNET_HEAD;
  if (!packet_read(&packet, joined, length)) fail("what was joined is no packet");
  checksum_complete(joined, &packet);
  if (memcmp(joined, bytes, length) != 0) fail("what was joined is not what was cut");
  free(bytes);
}

/* ---- records ------------------------------------------------------------------------------------------------ */

static void wrong_records(opener_t *opener, sealer_t *sealer) {
  size_t length = below(200), size = RECORD_OVERHEAD + length;
  uint8_t *record = malloc(size);
  fill(record_packet(record), length);
  if (seal(sealer, record, draw(), (uint8_t)draw(), length) != size) fail("nothing was sealed");
  bool changed = below(2) != 0;
  if (changed) {
    size_t at = RECORD_HEAD + below((uint32_t)(size - RECORD_HEAD));
    record[at] ^= (uint8_t)(1 + below(255));
  }
  opened_t opened = open_record(opener, record, size);
  if (opened != (changed ? FORGED : OPENED)) fail("a record was not judged rightly");
  free(record);
}

/* ---- first messages of handshakes --------------------------------------------------------------------------- */

static void first_messages(gate_t *gate, const uint8_t *key, int64_t now) {
  static statistics_t statistics;
  size_t length = below(3) == 0 ? below(400) + 1 : FIRST_LENGTH;
  uint8_t *datagram = malloc(length), *reply = malloc(COOKIE_LENGTH), place[PLACE_HEAD] = {4};
  fill(datagram, length);
  datagram[0] = FIRST_KIND;
  bool good = length == FIRST_LENGTH && below(4) != 0;
  if (good) {
    uint8_t mac[EVP_MAX_MD_SIZE];
    HMAC(EVP_sha256(), key, GATE_KEY, datagram, FIRST_LENGTH - 16, mac, NULL);
    memcpy(datagram + FIRST_LENGTH - 16, mac, 16);
  }
  if (below(2)) place[0] = 6;
  fill(place + 2, PLACE_HEAD - 2);
  verdict_t verdict = gate_look(gate, place, datagram, length, now, reply, &statistics);
  if (!good && verdict != GATE_DROP) fail("a forged first message was taken");
  if (good && verdict == GATE_DROP) fail("a good first message was dropped");
  free(datagram);
  free(reply);
}

/* ---- tables ------------------------------------------------------------------------------------------------- */

static void tables(ip_table_t *table, bool *has) {
  uint32_t ip = below(512);
  if (below(2)) {
    ip_entry_t *entry = ip_table_add(table, ip);
    if (entry == NULL || entry->ip != ip) fail("an entry was not added");
    entry->lane = ip % 7;
    has[ip] = true;
  } else if (below(50) == 0) {
    uint32_t lane = below(7);
    ip_table_remove_lane(table, lane);
    for (uint32_t i = lane; i < 512; i += 7) has[i] = false;
  } else {
    ip_table_remove(table, ip);
    has[ip] = false;
  }
  ip = below(512);
  if ((ip_table_find(table, ip) != NULL) != has[ip]) fail("the table is not what was done to it");
}

/* Each message that was taken comes out whole and in order. */
static void messages(mailbox_t *box) {
  static uint8_t body[70000];
  uint32_t posts = below(below(20) == 0 ? 3000 : 30), kept = 0;
  size_t longest = below(10) == 0 ? sizeof body : 300;
  for (uint32_t i = 0; i < posts; i++) {
    size_t length = below((uint32_t)longest);
    memset(body, (int)(i % 251), length);
    if (mailbox_post(box, i, &i, sizeof i, body, length)) kept++;
  }
  int half;
  uint32_t count = mailbox_take(box, &half);
  if (count != kept) fail("messages are missing");
  for (uint32_t n = 0; n < count; n++) {
    const uint32_t *place = box->places[half] + n * PLACE_WORDS;
    const uint8_t *message = box->bytes[half] + place[0];
    if (memcmp(message, &place[2], sizeof place[2]) != 0) fail("a message is another's");
    for (size_t i = sizeof place[2]; i < place[1]; i++)
      if (message[i] != place[2] % 251) fail("a message was altered");
  }
  mailbox_done(box, half);
}

int main(int argc, char **argv) {
  long inputs = argc > 1 ? atol(argv[1]) : 1000;
  state = argc > 2 ? (uint64_t)atoll(argv[2]) * 2 + 1 : 1;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) != 0) fail("no socket pair");
  int buffer = 1 << 20;
  setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  uint8_t agent_mac[6] = {2, 0, 0, 0, 0, 9}, key[RECORD_KEY];
  fill(key, sizeof key);
  lanes_t *lanes = lanes_new(agent_mac);
  reader_t tap = {.fd = ends[0], .lanes = lanes};
  lanes->tap = &tap;
  sealer_t *sealer = sealer_new(key);
  opener_t *opener = opener_new(key);
  gate_t *gate = gate_new();
  gate_set_keys(gate, key, key, key);
  ip_table_t table = {0};
  static bool has[512];
  mailbox_t box;
  uint8_t *bytes = malloc(2 * MAILBOX_BYTES);
  uint32_t *places = calloc(2 * MAILBOX_MESSAGES * PLACE_WORDS, sizeof *places);
  mailbox_init(&box, bytes, places, NULL);
  for (long i = 0; i < inputs; i++) {
    wrong_packets();
    tables(&table, has);
    if (i % 4 == 0) wrong_records(opener, sealer);
    /* 10,000 a second: more than are taken without a cookie, fewer than are answered with one. */
    if (i % 4 == 1) first_messages(gate, key, 1 + (int64_t)i * 25000);
    if (i % 100 == 0) cut_and_join(&tap, ends[1]);
    if (i % 1000 == 0) messages(&box);
  }
  sealer_free(sealer);
  opener_free(opener);
  gate_free(gate);
  ip_table_free(&table);
  free(bytes);
  free(places);
  lanes->tap = NULL;
  lanes_free(lanes);
  printf("%ld inputs\n", inputs);
  return 0;
}
