#include "ip-table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 64

static size_t place_of(const ip_table_t *table, uint32_t ip) {
  /* Knuth's multiplicative hash: its high bits depend on all of the address. */
  return (size_t)(ip * 2654435761u >> (32 - __builtin_ctzl(table->size)));
}

ip_entry_t *ip_table_find(const ip_table_t *table, uint32_t ip) {
  if (table->size == 0) return NULL;
  for (size_t at = place_of(table, ip); table->entries[at].used; at = (at + 1) & (table->size - 1))
    if (table->entries[at].ip == ip) return &table->entries[at];
  return NULL;
}

static ip_entry_t *free_place(ip_table_t *table, uint32_t ip) {
  size_t at = place_of(table, ip);
  while (table->entries[at].used) at = (at + 1) & (table->size - 1);
  return &table->entries[at];
}

static bool grow(ip_table_t *table) {
  ip_table_t larger = {.size = table->size == 0 ? FIRST_SIZE : table->size * 2, .count = table->count};
  larger.entries = calloc(larger.size, sizeof *larger.entries);
  if (larger.entries == NULL) return false;
  for (size_t i = 0; i < table->size; i++)
    if (table->entries[i].used) *free_place(&larger, table->entries[i].ip) = table->entries[i];
  free(table->entries);
  *table = larger;
  return true;
}

ip_entry_t *ip_table_add(ip_table_t *table, uint32_t ip) {
  ip_entry_t *known = ip_table_find(table, ip);
  if (known != NULL) return known;
  if (table->count * 2 >= table->size && !grow(table)) return NULL;
  ip_entry_t *entry = free_place(table, ip);
  memset(entry, 0, sizeof *entry);
  entry->used = true;
  entry->ip = ip;
  table->count++;
  return entry;
}

void ip_table_remove(ip_table_t *table, uint32_t ip) {
  ip_entry_t *entry = ip_table_find(table, ip);
  if (entry == NULL) return;
  table->count--;
  size_t mask = table->size - 1, hole = (size_t)(entry - table->entries);
  /* Entries behind the hole that could not take their own place move up. */
  for (size_t at = (hole + 1) & mask; table->entries[at].used; at = (at + 1) & mask) {
    size_t home = place_of(table, table->entries[at].ip);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    table->entries[hole] = table->entries[at];
    hole = at;
  }
  table->entries[hole].used = false;
}

void ip_table_remove_lane(ip_table_t *table, uint32_t lane) {
  for (size_t at = 0; at < table->size;) {
    /* Removing may move another entry here. */
    if (table->entries[at].used && table->entries[at].lane == lane) ip_table_remove(table, table->entries[at].ip);
    else at++;
  }
}

void ip_table_free(ip_table_t *table) {
  free(table->entries);
  memset(table, 0, sizeof *table);
}
