/*
 * One Linux tap device on Node's own event loop: its face, and that of the addon tap.node.
 *
 * Promise: the device exists exactly as long as its handle is open. How its frames travel is in frames.c, how the kernel
 * is told what it shall be in interface.c. Plain N-API and libuv (both come out of the node binary), so one build runs
 * under every Node from 20 on.
 *
 *   open(name, mtu, mac | undefined, onBatch(count), onGone(code)) -> { handle, mac, frames, places }
 *     frames: ArrayBuffer that a wake-up fills; places: Uint32Array of [offset, length] pairs, valid during onBatch
 *   write(handle, frame) -> boolean      false: the kernel did not take it (queue full, interface down)
 *   setCarrier(handle, on)
 *   removeAddress(handle, ip)            takes an IPv4 address (host order) off the interface; no error if it is not there
 *   close(handle)                        idempotent
 *
 * Errors are thrown with `code` (an errno name) and `step` (the call that failed).
 */
#include "interface.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* memory.c */
napi_value js_give_back(napi_env env, napi_callback_info info);

#ifndef TUNSETCARRIER
#define TUNSETCARRIER _IOW('T', 226, int)
#endif
#ifndef IFF_TUN_EXCL
#define IFF_TUN_EXCL 0x8000
#endif

/* ---- errors ------------------------------------------------------------------------------------------------- */

static napi_value throw_errno(napi_env env, const char *step, int error) {
  char code[32], message[128];
  uv_err_name_r(-error, code, sizeof code);
  snprintf(message, sizeof message, "%s: %s", step, strerror(error));
  napi_value js_code, js_message, js_step, js_error;
  napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &js_code);
  napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &js_message);
  napi_create_string_utf8(env, step, NAPI_AUTO_LENGTH, &js_step);
  napi_create_error(env, js_code, js_message, &js_error);
  napi_set_named_property(env, js_error, "step", js_step);
  napi_throw(env, js_error);
  return NULL;
}

/* ---- closing ------------------------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle) {
  device_t *device = handle->data;
  napi_remove_async_cleanup_hook(device->hook);
  free(device);
  free(handle);
}

/* Lets go of the device and the loop, and of nothing that belongs to JavaScript. */
static void release(device_t *device) {
  if (device->tap == NULL) return;
  device->tap->device = NULL;
  device->tap = NULL;
  uv_poll_stop(device->poll);
  uv_close((uv_handle_t *)device->poll, on_closed);
  close(device->fd);
}

/* The environment ends with the tap open (a worker that exits): it takes its own references with it. */
static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  release(data);
}

static void close_tap(tap_t *tap) {
  if (tap->device == NULL) return;
  release(tap->device);
  napi_async_destroy(tap->env, tap->async);
  napi_delete_reference(tap->env, tap->on_batch);
  napi_delete_reference(tap->env, tap->on_gone);
  napi_delete_reference(tap->env, tap->frames_ref);
  napi_delete_reference(tap->env, tap->places_ref);
}

/* While it is open, its callbacks keep the handle alive: so it is closed by now, or the environment ends. */
static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  tap_t *tap = data;
  if (tap->device != NULL) release(tap->device);
  free(tap);
}

/* ---- the face ----------------------------------------------------------------------------------------------- */

static tap_t *tap_of(napi_env env, napi_value handle) {
  void *data = NULL;
  if (napi_get_value_external(env, handle, &data) != napi_ok) {
    napi_throw_type_error(env, NULL, "not a tap handle");
    return NULL;
  }
  return data;
}

static napi_value js_open(napi_env env, napi_callback_info info) {
  size_t argc = 5;
  napi_value argv[5];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);

  struct ifreq request;
  memset(&request, 0, sizeof request);
  size_t name_length = 0;
  int32_t mtu = 0;
  if (argc < 5 || napi_get_value_string_utf8(env, argv[0], request.ifr_name, IFNAMSIZ, &name_length) != napi_ok ||
      napi_get_value_int32(env, argv[1], &mtu) != napi_ok) {
    napi_throw_type_error(env, NULL, "open(name, mtu, mac, onBatch, onGone)");
    return NULL;
  }
  uint8_t *mac = NULL;
  napi_valuetype type;
  napi_typeof(env, argv[2], &type);
  if (type != napi_undefined) {
    size_t length = 0;
    napi_typedarray_type kind;
    if (napi_get_typedarray_info(env, argv[2], &kind, &length, (void **)&mac, NULL, NULL) != napi_ok || length != 6) {
      napi_throw_type_error(env, NULL, "mac: expected 6 bytes");
      return NULL;
    }
  }

  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return throw_errno(env, "open /dev/net/tun", errno);
  request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
  if (ioctl(fd, TUNSETIFF, &request) < 0) {
    int error = errno;
    close(fd);
    return throw_errno(env, "create the tap", error);
  }
  uint8_t own_mac[6];
  const char *failed = configure(request.ifr_name, mtu, mac, own_mac);
  if (failed != NULL) {
    int error = errno;
    close(fd);
    return throw_errno(env, failed, error);
  }

  tap_t *tap = calloc(1, sizeof *tap);
  device_t *device = calloc(1, sizeof *device);
  uv_poll_t *poll = calloc(1, uv_handle_size(UV_POLL));
  uv_loop_t *loop = NULL;
  napi_get_uv_event_loop(env, &loop);
  int status = tap == NULL || device == NULL || poll == NULL ? UV_ENOMEM : uv_poll_init(loop, poll, fd);
  if (status < 0) {
    free(tap);
    free(device);
    free(poll);
    close(fd);
    return throw_errno(env, "poll the tap", -status);
  }
  tap->env = env;
  tap->device = device;
  device->tap = tap;
  device->fd = fd;
  device->index = if_nametoindex(request.ifr_name);
  device->poll = poll;
  poll->data = device;

  napi_value result, handle, frames, places_memory, places, js_mac, name;
  void *data;
  napi_create_arraybuffer(env, BATCH_BYTES + FRAME_MAX + ALIGNMENT, (void **)&tap->frames, &frames);
  napi_create_arraybuffer(env, BATCH_FRAMES * 2 * sizeof(uint32_t), (void **)&tap->places, &places_memory);
  napi_create_typedarray(env, napi_uint32_array, BATCH_FRAMES * 2, places_memory, 0, &places);
  napi_create_buffer_copy(env, sizeof own_mac, own_mac, &data, &js_mac);
  napi_create_reference(env, frames, 1, &tap->frames_ref);
  napi_create_reference(env, places_memory, 1, &tap->places_ref);
  napi_create_reference(env, argv[3], 1, &tap->on_batch);
  napi_create_reference(env, argv[4], 1, &tap->on_gone);
  napi_create_string_utf8(env, "wow:tap", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &tap->async);
  napi_create_external(env, tap, on_collected, NULL, &handle);
  napi_add_async_cleanup_hook(env, on_environment_end, device, &device->hook);

  napi_create_object(env, &result);
  napi_set_named_property(env, result, "handle", handle);
  napi_set_named_property(env, result, "mac", js_mac);
  napi_set_named_property(env, result, "frames", frames);
  napi_set_named_property(env, result, "places", places);
  uv_poll_start(poll, UV_READABLE, on_readable);
  return result;
}

static napi_value js_write(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2], result;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  tap_t *tap = tap_of(env, argv[0]);
  if (tap == NULL) return NULL;
  void *bytes = NULL;
  size_t length = 0;
  napi_typedarray_type kind;
  if (napi_get_typedarray_info(env, argv[1], &kind, &length, &bytes, NULL, NULL) != napi_ok ||
      kind != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "frame: expected a Uint8Array");
    return NULL;
  }
  napi_get_boolean(env, write_frame(tap, bytes, length), &result);
  return result;
}

static napi_value js_set_carrier(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  tap_t *tap = tap_of(env, argv[0]);
  bool on = false;
  if (tap == NULL || tap->device == NULL || napi_get_value_bool(env, argv[1], &on) != napi_ok) return NULL;
  int carrier = on ? 1 : 0;
  if (ioctl(tap->device->fd, TUNSETCARRIER, &carrier) < 0) return throw_errno(env, "set the carrier", errno);
  return NULL;
}

static napi_value js_remove_address(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  tap_t *tap = tap_of(env, argv[0]);
  uint32_t ip = 0;
  if (tap == NULL || tap->device == NULL || napi_get_value_uint32(env, argv[1], &ip) != napi_ok) return NULL;
  int error = remove_address(tap->device->index, ip);
  if (error != 0) return throw_errno(env, "remove the address", error);
  return NULL;
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  tap_t *tap = tap_of(env, argv[0]);
  if (tap != NULL) close_tap(tap);
  return NULL;
}

static void export_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value);
  napi_set_named_property(env, exports, name, value);
}

NAPI_MODULE_INIT() {
  export_function(env, exports, "open", js_open);
  export_function(env, exports, "write", js_write);
  export_function(env, exports, "setCarrier", js_set_carrier);
  export_function(env, exports, "removeAddress", js_remove_address);
  export_function(env, exports, "close", js_close);
  export_function(env, exports, "giveBack", js_give_back);
  return exports;
}
