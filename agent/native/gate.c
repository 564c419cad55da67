#include "gate.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BLOCK 64
#define DIGEST 32
#define MAC 16
#define COOKIE 16
#define COOKIE_AT (FIRST_LENGTH - MAC - COOKIE)
#define MAC_AT (FIRST_LENGTH - MAC)
/* The sender's receiver index follows its key. */
#define INDEX_AT (1 + 32)
#define INDEX 4

#define NETWORKS 1024 /* a power of two */
#define NS_PER_S 1000000000
/* A rate may be used up this much in advance. */
#define BURST_NS (NS_PER_S / 4)

/* When the next one is due; nothing is due while it lies too far ahead. */
typedef int64_t rate_t;

struct gate {
  pthread_mutex_t lock;
  bool has_keys;
  uint8_t mac[GATE_KEY];
  uint8_t cookies[2][GATE_KEY];
  EVP_MD *sha256;
  EVP_MD_CTX *hash;
  rate_t calm, shown, replies;
  /* By a number drawn from the network: two may share one. */
  rate_t networks[NETWORKS];
  uint64_t seed;
};

typedef struct {
  const uint8_t *bytes;
  size_t length;
} piece_t;
#define NOTHING ((piece_t){NULL, 0})

gate_t *gate_new(void) {
  gate_t *gate = calloc(1, sizeof *gate);
  if (gate == NULL) return NULL;
  pthread_mutex_init(&gate->lock, NULL);
  gate->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  gate->hash = EVP_MD_CTX_new();
  if (gate->sha256 != NULL && gate->hash != NULL &&
      getrandom(&gate->seed, sizeof gate->seed, 0) == sizeof gate->seed)
    return gate;
  gate_free(gate);
  return NULL;
}

void gate_free(gate_t *gate) {
  if (gate == NULL) return;
  EVP_MD_CTX_free(gate->hash);
  EVP_MD_free(gate->sha256);
  pthread_mutex_destroy(&gate->lock);
  free(gate);
}

void gate_set_keys(gate_t *gate, const uint8_t *mac, const uint8_t *cookie, const uint8_t *former_cookie) {
  pthread_mutex_lock(&gate->lock);
  memcpy(gate->mac, mac, GATE_KEY);
  memcpy(gate->cookies[0], cookie, GATE_KEY);
  memcpy(gate->cookies[1], former_cookie, GATE_KEY);
  gate->has_keys = true;
  pthread_mutex_unlock(&gate->lock);
}

static bool hash(gate_t *gate, uint8_t out[DIGEST], const piece_t *pieces, int count) {
  if (EVP_DigestInit_ex(gate->hash, gate->sha256, NULL) != 1) return false;
  for (int i = 0; i < count; i++)
    if (EVP_DigestUpdate(gate->hash, pieces[i].bytes, pieces[i].length) != 1) return false;
  return EVP_DigestFinal_ex(gate->hash, out, NULL) == 1;
}

/* HMAC-SHA256 (RFC 2104) of two pieces. */
static bool hmac(gate_t *gate, uint8_t out[DIGEST], const uint8_t key[GATE_KEY], piece_t first, piece_t second) {
  uint8_t inner[BLOCK], outer[BLOCK], digest[DIGEST];
  memset(inner, 0x36, BLOCK);
  memset(outer, 0x5c, BLOCK);
  for (int i = 0; i < GATE_KEY; i++) {
    inner[i] ^= key[i];
    outer[i] ^= key[i];
  }
  return hash(gate, digest, (piece_t[]){{inner, BLOCK}, first, second}, 3) &&
         hash(gate, out, (piece_t[]){{outer, BLOCK}, {digest, DIGEST}}, 2);
}

/* In a time that does not tell where they differ. */
static bool same(const uint8_t *a, const uint8_t *b, size_t length) {
  uint8_t differ = 0;
  for (size_t i = 0; i < length; i++) differ |= a[i] ^ b[i];
  return differ == 0;
}

static bool take(rate_t *rate, int64_t per_s, int64_t now) {
  int64_t due = *rate > now ? *rate : now;
  if (due - now > BURST_NS) return false;
  *rate = due + NS_PER_S / per_s;
  return true;
}

/* The rate of an IPv4 address, or of the first 64 bits of an IPv6 address: whoever has one of these has them all. */
static rate_t *network(gate_t *gate, const uint8_t *place) {
  uint64_t bits = 0;
  memcpy(&bits, place + 4, place[0] == 6 ? 8 : 4);
  bits = (bits ^ gate->seed) * 0x9e3779b97f4a7c15u;
  bits = (bits ^ bits >> 29 ^ gate->seed >> 7) * 0xbf58476d1ce4e5b9u;
  return &gate->networks[bits >> 54];
}

/* Only who receives at the place learns it. */
static bool make_cookie(gate_t *gate, uint8_t out[DIGEST], const uint8_t secret[GATE_KEY], const uint8_t *place) {
  return hmac(gate, out, secret, (piece_t){place, PLACE_HEAD}, NOTHING);
}

static bool is_shown(gate_t *gate, const uint8_t *place, const uint8_t *cookie) {
  static const uint8_t none[COOKIE];
  if (same(cookie, none, COOKIE)) return false;
  uint8_t right[DIGEST];
  for (int i = 0; i < 2; i++)
    if (make_cookie(gate, right, gate->cookies[i], place) && same(cookie, right, COOKIE)) return true;
  return false;
}

/* The cookie for a place, readable for who sent the datagram. */
static bool write_reply(gate_t *gate, const uint8_t *place, const uint8_t *datagram, uint8_t reply[COOKIE_LENGTH]) {
  uint8_t digest[DIGEST];
  size_t body = COOKIE_LENGTH - MAC;
  reply[0] = COOKIE_KIND;
  memcpy(reply + 1, datagram + INDEX_AT, INDEX);
  if (!make_cookie(gate, digest, gate->cookies[0], place)) return false;
  memcpy(reply + 1 + INDEX, digest, COOKIE);
  if (!hmac(gate, digest, gate->mac, (piece_t){reply, body}, (piece_t){datagram + MAC_AT, MAC})) return false;
  memcpy(reply + body, digest, MAC);
  return true;
}

static verdict_t look(gate_t *gate, const uint8_t *place, const uint8_t *datagram, size_t length, int64_t now,
                      uint8_t reply[COOKIE_LENGTH], statistics_t *statistics) {
  if (!gate->has_keys) return GATE_PASS;
  uint8_t mac[DIGEST];
  if (length != FIRST_LENGTH || !hmac(gate, mac, gate->mac, (piece_t){datagram, MAC_AT}, NOTHING) ||
      !same(mac, datagram + MAC_AT, MAC)) {
    count_add(statistics, FIRST_FORGED, 1);
    return GATE_DROP;
  }
  if (take(&gate->calm, GATE_CALM_PER_S, now)) return GATE_PASS;
  if (is_shown(gate, place, datagram + COOKIE_AT)) {
    if (take(network(gate, place), GATE_NETWORK_PER_S, now) && take(&gate->shown, GATE_SHOWN_PER_S, now))
      return GATE_PASS;
  } else if (take(&gate->replies, GATE_REPLIES_PER_S, now) && write_reply(gate, place, datagram, reply)) {
    count_add(statistics, COOKIE_REPLY, 1);
    return GATE_REPLY;
  }
  count_add(statistics, FIRST_FLOOD, 1);
  return GATE_DROP;
}

verdict_t gate_look(gate_t *gate, const uint8_t *place, const uint8_t *datagram, size_t length, int64_t now,
                    uint8_t reply[COOKIE_LENGTH], statistics_t *statistics) {
  pthread_mutex_lock(&gate->lock);
  verdict_t verdict = look(gate, place, datagram, length, now, reply, statistics);
  pthread_mutex_unlock(&gate->lock);
  return verdict;
}
