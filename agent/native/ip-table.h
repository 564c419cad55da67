/* A table by IPv4 address (host order). Open addressing, at most half full. */
#ifndef WOW_IP_TABLE_H
#define WOW_IP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t ip;
  bool used;
  uint32_t lane;    /* of a route */
  uint8_t mac[6];   /* of a local */
  int64_t until;    /* of a local: when its lease ends, ns */
  uint64_t sent_bytes, got_bytes; /* of a route */
} ip_entry_t;

typedef struct {
  ip_entry_t *entries;
  size_t size; /* a power of two, or 0 */
  size_t count;
} ip_table_t;

ip_entry_t *ip_table_find(const ip_table_t *table, uint32_t ip);
/* The entry of `ip`, a new one of zeros if there was none; NULL without memory. Moves other entries. */
ip_entry_t *ip_table_add(ip_table_t *table, uint32_t ip);
void ip_table_remove(ip_table_t *table, uint32_t ip);
/* Removes every route of a lane. */
void ip_table_remove_lane(ip_table_t *table, uint32_t lane);
void ip_table_free(ip_table_t *table);

#endif
