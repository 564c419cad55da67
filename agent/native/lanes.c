#include "lanes.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

lanes_t *lanes_new(const uint8_t *agent_mac) {
  lanes_t *lanes = calloc(1, sizeof *lanes);
  gate_t *gate = gate_new();
  if (lanes == NULL || gate == NULL) {
    gate_free(gate);
    free(lanes);
    return NULL;
  }
  lanes->gate = gate;
  pthread_rwlockattr_t attributes;
  pthread_rwlockattr_init(&attributes);
  /* Threads that always read must not keep JavaScript from changing anything. */
  pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  pthread_rwlock_init(&lanes->lock, &attributes);
  memcpy(lanes->agent_mac, agent_mac, sizeof lanes->agent_mac);
  return lanes;
}

static void lane_free(lane_t *lane) {
  sealer_free(lane->sealer);
  opener_free(lane->opener);
  pthread_mutex_destroy(&lane->sealing);
  pthread_mutex_destroy(&lane->opening);
  free(lane->half);
  free(lane);
}

void lanes_free(lanes_t *lanes) {
  for (int i = 0; i < LANES; i++)
    if (lanes->lanes[i] != NULL) lane_free(lanes->lanes[i]);
  ip_table_free(&lanes->routes);
  ip_table_free(&lanes->locals);
  gate_free(lanes->gate);
  pthread_rwlock_destroy(&lanes->lock);
  free(lanes);
}

lane_t *lane_of(lanes_t *lanes, uint32_t index) {
  lane_t *lane = lanes->lanes[index % LANES];
  return lane != NULL && lane->index == index ? lane : NULL;
}

lane_t *lane_add(lanes_t *lanes, uint32_t index, uint32_t remote_index, const uint8_t *send_key,
                 const uint8_t *receive_key) {
  if (index == 0 || lanes->lanes[index % LANES] != NULL) return NULL;
  lane_t *lane = calloc(1, sizeof *lane);
  if (lane == NULL) return NULL;
  pthread_mutex_init(&lane->sealing, NULL);
  pthread_mutex_init(&lane->opening, NULL);
  lane->index = index;
  lane->remote_index = remote_index;
  lane->sealer = sealer_new(send_key);
  lane->opener = opener_new(receive_key);
  if (lane->sealer == NULL || lane->opener == NULL) {
    lane_free(lane);
    return NULL;
  }
  lanes->lanes[index % LANES] = lane;
  return lane;
}

void lane_remove(lanes_t *lanes, uint32_t index) {
  lane_t *lane = lane_of(lanes, index);
  if (lane == NULL) return;
  lanes->lanes[index % LANES] = NULL;
  ip_table_remove_lane(&lanes->routes, index);
  lane_free(lane);
}

void lanes_forget_socket(lanes_t *lanes, struct reader *socket) {
  for (int i = 0; i < LANES; i++)
    if (lanes->lanes[i] != NULL && lanes->lanes[i]->socket == socket) lanes->lanes[i]->socket = NULL;
}

bool is_own_port(const lanes_t *lanes, uint16_t port) {
  return (lanes->own_ports[port / 8] >> port % 8 & 1) != 0;
}

void own_port_set(lanes_t *lanes, uint16_t port, bool is_ours) {
  uint8_t bit = (uint8_t)(1 << port % 8);
  if (is_ours) lanes->own_ports[port / 8] |= bit;
  else lanes->own_ports[port / 8] &= (uint8_t)~bit;
}

bool is_permitted(const lanes_t *lanes, int64_t now) {
  return now < __atomic_load_n(&lanes->permit_until, __ATOMIC_RELAXED);
}
