/*
 * What JavaScript decides, written into the tables of the fast path (lanes.h).
 *
 *   createLanes(agentMac) -> lanes
 *   openLane(lanes, index, remoteIndex, sendKey, receiveKey) -> boolean     false: the index is taken
 *   setPath(lanes, index, socket | undefined, ip, port, longest)            longest packet that goes in one record, bytes
 *   closeLane(lanes, index)
 *   sendOn(lanes, index, packet, probe) -> boolean                          false: there is no way, or the kernel is full
 *   setRoute(lanes, ip, index)                                              index 0: no route
 *   setLocal(lanes, ip, mac, forMs) / removeLocal(lanes, ip)
 *   permit(lanes, forMs)
 *   setGate(lanes, macKey, cookieSecret, formerCookieSecret)                32 bytes each
 *   countsOfLane(lanes, index, into)       into: Float64Array of 2: records sent and got
 *   countsOfRoute(lanes, ip, into)         into: Float64Array of 2: bytes sent and got
 *   statistics(lanes, into)                into: Float64Array, in the order of statistics.h
 */
#include "decisions.h"

#include "arguments.h"
#include "reader.h"
#include "train.h"
#include "udp.h"

#include <errno.h>
#include <string.h>

#define NS_PER_MS 1000000.0

static lanes_t *lanes_at(napi_env env, napi_value value) {
  return external_at(env, value, "lanes");
}

static int64_t deadline(napi_env env, napi_value for_ms) {
  double ms = 0;
  napi_get_value_double(env, for_ms, &ms);
  /* A century counts as for ever. */
  if (!(ms < 3.2e12)) ms = 3.2e12;
  return now_ns() + (int64_t)(ms * NS_PER_MS);
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  lanes_free(data);
}

static napi_value js_create_lanes(napi_env env, napi_callback_info info) {
  ARGUMENTS(1)
  const uint8_t *mac = array_at(env, argv[0], "mac", napi_uint8_array, 6, NULL);
  if (mac == NULL) return NULL;
  lanes_t *lanes = lanes_new(mac);
  if (lanes == NULL) return throw_errno(env, "make the tables", ENOMEM);
  napi_value result = NULL;
  napi_create_external(env, lanes, on_collected, NULL, &result);
  return result;
}

static napi_value js_open_lane(napi_env env, napi_callback_info info) {
  ARGUMENTS(5)
  lanes_t *lanes = lanes_at(env, argv[0]);
  const uint8_t *send_key = array_at(env, argv[3], "key", napi_uint8_array, RECORD_KEY, NULL);
  const uint8_t *receive_key = array_at(env, argv[4], "key", napi_uint8_array, RECORD_KEY, NULL);
  if (lanes == NULL || send_key == NULL || receive_key == NULL) return NULL;
  pthread_rwlock_wrlock(&lanes->lock);
  lane_t *lane = lane_add(lanes, number_at(env, argv[1]), number_at(env, argv[2]), send_key, receive_key);
  pthread_rwlock_unlock(&lanes->lock);
  napi_value result;
  napi_get_boolean(env, lane != NULL, &result);
  return result;
}

static napi_value js_set_path(napi_env env, napi_callback_info info) {
  ARGUMENTS(6)
  lanes_t *lanes = lanes_at(env, argv[0]);
  endpoint_t remote = {.length = 0};
  reader_t *socket = NULL;
  if (!is_undefined(env, argv[2])) {
    socket = reader_of(env, argv[2]);
    if (socket == NULL || !endpoint_of(env, argv[3], argv[4], &remote)) return NULL;
  }
  uint32_t longest = number_at(env, argv[5]);
  if (lanes == NULL) return NULL;
  pthread_rwlock_wrlock(&lanes->lock);
  lane_t *lane = lane_of(lanes, number_at(env, argv[1]));
  if (lane != NULL) {
    lane->socket = socket != NULL && socket->fd >= 0 ? socket : NULL;
    lane->remote = remote;
    lane->longest = longest;
    lane->no_segments = false;
  }
  pthread_rwlock_unlock(&lanes->lock);
  return NULL;
}

static napi_value js_close_lane(napi_env env, napi_callback_info info) {
  ARGUMENTS(2)
  lanes_t *lanes = lanes_at(env, argv[0]);
  if (lanes == NULL) return NULL;
  pthread_rwlock_wrlock(&lanes->lock);
  lane_remove(lanes, number_at(env, argv[1]));
  pthread_rwlock_unlock(&lanes->lock);
  return NULL;
}

static napi_value js_send_on(napi_env env, napi_callback_info info) {
  ARGUMENTS(4)
  lanes_t *lanes = lanes_at(env, argv[0]);
  size_t length = 0;
  const uint8_t *packet = array_at(env, argv[2], "packet", napi_uint8_array, 2, &length);
  bool probe = false, sent = false;
  napi_get_value_bool(env, argv[3], &probe);
  if (lanes == NULL || packet == NULL) return NULL;
  pthread_rwlock_rdlock(&lanes->lock);
  lane_t *lane = lane_of(lanes, number_at(env, argv[1]));
  if (lane != NULL && lane->socket != NULL && length <= 65535)
    sent = lane_send(lanes, lane, probe ? FLAG_PROBE : 0, packet, length, 0);
  pthread_rwlock_unlock(&lanes->lock);
  napi_value result;
  napi_get_boolean(env, sent, &result);
  return result;
}

static napi_value js_set_route(napi_env env, napi_callback_info info) {
  ARGUMENTS(3)
  lanes_t *lanes = lanes_at(env, argv[0]);
  if (lanes == NULL) return NULL;
  uint32_t ip = number_at(env, argv[1]), index = number_at(env, argv[2]);
  pthread_rwlock_wrlock(&lanes->lock);
  ip_entry_t *route = index == 0 ? NULL : ip_table_add(&lanes->routes, ip);
  if (route != NULL) route->lane = index;
  if (index == 0) ip_table_remove(&lanes->routes, ip);
  pthread_rwlock_unlock(&lanes->lock);
  return NULL;
}

static napi_value js_set_local(napi_env env, napi_callback_info info) {
  ARGUMENTS(4)
  lanes_t *lanes = lanes_at(env, argv[0]);
  const uint8_t *mac = array_at(env, argv[2], "mac", napi_uint8_array, 6, NULL);
  if (lanes == NULL || mac == NULL) return NULL;
  pthread_rwlock_wrlock(&lanes->lock);
  ip_entry_t *local = ip_table_add(&lanes->locals, number_at(env, argv[1]));
  if (local != NULL) {
    memcpy(local->mac, mac, sizeof local->mac);
    local->until = deadline(env, argv[3]);
  }
  pthread_rwlock_unlock(&lanes->lock);
  return NULL;
}

static napi_value js_remove_local(napi_env env, napi_callback_info info) {
  ARGUMENTS(2)
  lanes_t *lanes = lanes_at(env, argv[0]);
  if (lanes == NULL) return NULL;
  pthread_rwlock_wrlock(&lanes->lock);
  ip_table_remove(&lanes->locals, number_at(env, argv[1]));
  pthread_rwlock_unlock(&lanes->lock);
  return NULL;
}

static napi_value js_permit(napi_env env, napi_callback_info info) {
  ARGUMENTS(2)
  lanes_t *lanes = lanes_at(env, argv[0]);
  if (lanes != NULL) __atomic_store_n(&lanes->permit_until, deadline(env, argv[1]), __ATOMIC_RELAXED);
  return NULL;
}

static napi_value js_set_gate(napi_env env, napi_callback_info info) {
  ARGUMENTS(4)
  lanes_t *lanes = lanes_at(env, argv[0]);
  const uint8_t *mac = array_at(env, argv[1], "key", napi_uint8_array, GATE_KEY, NULL);
  const uint8_t *present = array_at(env, argv[2], "secret", napi_uint8_array, GATE_KEY, NULL);
  const uint8_t *former = array_at(env, argv[3], "secret", napi_uint8_array, GATE_KEY, NULL);
  if (lanes == NULL || mac == NULL || present == NULL || former == NULL) return NULL;
  gate_set_keys(lanes->gate, mac, present, former);
  return NULL;
}

static napi_value js_counts_of_lane(napi_env env, napi_callback_info info) {
  ARGUMENTS(3)
  lanes_t *lanes = lanes_at(env, argv[0]);
  double *into = array_at(env, argv[2], "into", napi_float64_array, 2, NULL);
  if (lanes == NULL || into == NULL) return NULL;
  pthread_rwlock_rdlock(&lanes->lock);
  const lane_t *lane = lane_of(lanes, number_at(env, argv[1]));
  if (lane != NULL) {
    into[0] = (double)__atomic_load_n(&lane->sent_packets, __ATOMIC_RELAXED);
    into[1] = (double)__atomic_load_n(&lane->got_packets, __ATOMIC_RELAXED);
  }
  pthread_rwlock_unlock(&lanes->lock);
  return NULL;
}

static napi_value js_counts_of_route(napi_env env, napi_callback_info info) {
  ARGUMENTS(3)
  lanes_t *lanes = lanes_at(env, argv[0]);
  double *into = array_at(env, argv[2], "into", napi_float64_array, 2, NULL);
  if (lanes == NULL || into == NULL) return NULL;
  pthread_rwlock_rdlock(&lanes->lock);
  const ip_entry_t *route = ip_table_find(&lanes->routes, number_at(env, argv[1]));
  into[0] = route == NULL ? 0 : (double)route->sent_bytes;
  into[1] = route == NULL ? 0 : (double)route->got_bytes;
  pthread_rwlock_unlock(&lanes->lock);
  return NULL;
}

static napi_value js_statistics(napi_env env, napi_callback_info info) {
  ARGUMENTS(2)
  lanes_t *lanes = lanes_at(env, argv[0]);
  double *into = array_at(env, argv[1], "into", napi_float64_array, STATISTICS, NULL);
  if (lanes == NULL || into == NULL) return NULL;
  for (int i = 0; i < STATISTICS; i++)
    into[i] = (double)__atomic_load_n(&lanes->statistics.counts[i], __ATOMIC_RELAXED);
  return NULL;
}

void decisions_export(napi_env env, napi_value exports) {
  EXPORT({"createLanes", js_create_lanes}, {"openLane", js_open_lane}, {"setPath", js_set_path},
         {"closeLane", js_close_lane}, {"sendOn", js_send_on}, {"setRoute", js_set_route}, {"setLocal", js_set_local},
         {"removeLocal", js_remove_local}, {"permit", js_permit}, {"setGate", js_set_gate},
         {"countsOfLane", js_counts_of_lane}, {"countsOfRoute", js_counts_of_route}, {"statistics", js_statistics})
}
