#include "record.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define NONCE 12

/* Wider than many segmented sends that overtake each other: RFC 6479's window, a bitmap that is never shifted. */
#define WINDOW_WORDS 256
#define WINDOW ((WINDOW_WORDS - 1) * 64)

struct sealer {
  EVP_CIPHER_CTX *cipher;
  uint64_t counter;
};

struct opener {
  EVP_CIPHER_CTX *cipher;
  uint64_t next; /* one above the greatest counter taken */
  uint64_t words[WINDOW_WORDS];
};

static void nonce_of(const uint8_t *record, uint8_t *nonce) {
  memset(nonce, 0, 4);
  memcpy(nonce + 4, record + 5, 8); /* the counter */
}

/* AES-256-GCM under `key`, or NULL. */
static EVP_CIPHER_CTX *cipher_new(const uint8_t *key, int seals) {
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
  if (cipher != NULL && EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, NULL, seals) == 1) return cipher;
  EVP_CIPHER_CTX_free(cipher);
  return NULL;
}

sealer_t *sealer_new(const uint8_t *key) {
  sealer_t *sealer = calloc(1, sizeof *sealer);
  if (sealer == NULL) return NULL;
  sealer->cipher = cipher_new(key, 1);
  if (sealer->cipher == NULL) {
    sealer_free(sealer);
    return NULL;
  }
  return sealer;
}

void sealer_free(sealer_t *sealer) {
  if (sealer == NULL) return;
  EVP_CIPHER_CTX_free(sealer->cipher); /* clears the key */
  free(sealer);
}

opener_t *opener_new(const uint8_t *key) {
  opener_t *opener = calloc(1, sizeof *opener);
  if (opener == NULL) return NULL;
  opener->cipher = cipher_new(key, 0);
  if (opener->cipher == NULL) {
    opener_free(opener);
    return NULL;
  }
  return opener;
}

void opener_free(opener_t *opener) {
  if (opener == NULL) return;
  EVP_CIPHER_CTX_free(opener->cipher);
  free(opener);
}

size_t seal(sealer_t *sealer, uint8_t *record, uint32_t receiver, uint8_t flags, size_t length) {
  uint64_t counter = sealer->counter++;
  record[0] = RECORD_KIND;
  for (int i = 0; i < 4; i++) record[1 + i] = (uint8_t)(receiver >> (24 - 8 * i));
  for (int i = 0; i < 8; i++) record[5 + i] = (uint8_t)(counter >> (56 - 8 * i));
  uint8_t nonce[NONCE];
  nonce_of(record, nonce);
  uint8_t *sealed = record + RECORD_HEAD;
  sealed[0] = flags;
  int size = (int)length + 1, done = 0;
  EVP_CIPHER_CTX *cipher = sealer->cipher;
  bool ok = EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, nonce) == 1 &&
            EVP_EncryptUpdate(cipher, NULL, &done, record, RECORD_HEAD) == 1 &&
            EVP_EncryptUpdate(cipher, sealed, &done, sealed, size) == 1 &&
            EVP_EncryptFinal_ex(cipher, sealed + done, &done) == 1 &&
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG, sealed + size) == 1;
  return ok ? RECORD_OVERHEAD + length : 0;
}

static bool is_new(const opener_t *opener, uint64_t counter) {
  if (counter >= opener->next) return counter != UINT64_MAX;
  if (counter + WINDOW < opener->next) return false;
  return (opener->words[counter / 64 % WINDOW_WORDS] >> counter % 64 & 1) == 0;
}

static void take(opener_t *opener, uint64_t counter) {
  if (counter >= opener->next) {
    uint64_t last = opener->next == 0 ? 0 : (opener->next - 1) / 64;
    uint64_t steps = counter / 64 - last;
    if (steps > WINDOW_WORDS) steps = WINDOW_WORDS;
    for (uint64_t i = 1; i <= steps; i++) opener->words[(last + i) % WINDOW_WORDS] = 0;
    opener->next = counter + 1;
  }
  opener->words[counter / 64 % WINDOW_WORDS] |= (uint64_t)1 << counter % 64;
}

opened_t open_record(opener_t *opener, uint8_t *record, size_t length) {
  uint64_t counter = record_counter(record);
  if (!is_new(opener, counter)) return REPLAYED;
  uint8_t nonce[NONCE];
  nonce_of(record, nonce);
  uint8_t *sealed = record + RECORD_HEAD;
  int size = (int)(length - RECORD_HEAD - RECORD_TAG), done = 0;
  EVP_CIPHER_CTX *cipher = opener->cipher;
  bool ok = EVP_DecryptInit_ex(cipher, NULL, NULL, NULL, nonce) == 1 &&
            EVP_DecryptUpdate(cipher, NULL, &done, record, RECORD_HEAD) == 1 &&
            EVP_DecryptUpdate(cipher, sealed, &done, sealed, size) == 1 &&
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, RECORD_TAG, sealed + size) == 1 &&
            EVP_DecryptFinal_ex(cipher, sealed + done, &done) == 1;
  if (!ok) return FORGED;
  take(opener, counter);
  return OPENED;
}
