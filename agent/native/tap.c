/*
 * One Linux tap device on Node's own event loop: the larger part of the addon tap.node.
 *
 * Promise: every frame the kernel sends is handed over whole, up to BATCH_FRAMES frames or BATCH_BYTES bytes per
 * wake-up, so that one direction never starves the loop. The device exists exactly as long as its handle is open.
 * Plain N-API and libuv (both come out of the node binary), so one build runs under every Node from 20 on.
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
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

/* memory.c */
napi_value js_give_back(napi_env env, napi_callback_info info);

#define BATCH_FRAMES 64
#define BATCH_BYTES (256 * 1024)
#define FRAME_MAX (64 * 1024) /* the largest IP packet with its Ethernet header, rounded up */
#define ALIGNMENT 8

#ifndef TUNSETCARRIER
#define TUNSETCARRIER _IOW('T', 226, int)
#endif
#ifndef IFF_TUN_EXCL
#define IFF_TUN_EXCL 0x8000
#endif

/* What the kernel and the loop hold. It outlives `close` until the loop has let go, and the addon stays loaded so long. */
typedef struct {
  int fd;
  unsigned index; /* of the interface, whatever it is renamed to */
  uv_poll_t *poll;
  napi_async_cleanup_hook_handle hook;
  struct tap *tap; /* NULL once closing */
} device_t;

typedef struct tap {
  napi_env env;
  napi_ref on_batch;
  napi_ref on_gone;
  napi_ref frames_ref;
  napi_ref places_ref;
  napi_async_context async;
  uint8_t *frames;
  uint32_t *places;
  device_t *device; /* NULL once closed */
} tap_t;

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

/* ---- the device --------------------------------------------------------------------------------------------- */

/* Keeps the kernel from giving the tap an IPv6 address of its own: the virtual network is IPv4, and router solicitations
 * on it are noise. A kernel without IPv6 refuses the request, which is as good. */
static void silence_ipv6(unsigned index) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return;
  struct {
    struct nlmsghdr header;
    struct ifinfomsg link;
    struct rtattr spec;
    struct rtattr family;
    struct rtattr mode;
    uint8_t value;
    uint8_t padding[3];
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_NEWLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_family = AF_UNSPEC;
  request.link.ifi_index = (int)index;
  request.mode.rta_type = IFLA_INET6_ADDR_GEN_MODE;
  request.mode.rta_len = RTA_LENGTH(sizeof request.value);
  request.value = IN6_ADDR_GEN_MODE_NONE;
  request.family.rta_type = AF_INET6;
  request.family.rta_len = RTA_LENGTH(RTA_ALIGN(request.mode.rta_len));
  request.spec.rta_type = IFLA_AF_SPEC;
  request.spec.rta_len = RTA_LENGTH(RTA_ALIGN(request.family.rta_len));
  /* The kernel works the request off before send() returns; the answer does not matter. */
  (void)!send(fd, &request, sizeof request, 0);
  close(fd);
}

/* RTM_DELADDR of one local address, whatever its prefix. Returns 0 or an errno. */
static int remove_address(unsigned index, uint32_t ip) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return errno;
  struct {
    struct nlmsghdr header;
    struct ifaddrmsg address;
    struct rtattr local;
    uint32_t ip;
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_DELADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.address.ifa_family = AF_INET;
  request.address.ifa_index = index;
  request.local.rta_type = IFA_LOCAL;
  request.local.rta_len = RTA_LENGTH(sizeof request.ip);
  request.ip = htonl(ip);
  struct {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char rest[256]; /* the request again */
  } answer;
  int error = 0;
  /* The kernel works the request off before send() returns, so that its answer waits already. */
  if (send(fd, &request, sizeof request, 0) < 0 || recv(fd, &answer, sizeof answer, MSG_DONTWAIT) < 0) error = errno;
  else if (answer.header.nlmsg_type == NLMSG_ERROR) error = -answer.error.error;
  close(fd);
  return error == EADDRNOTAVAIL ? 0 : error;
}

/* Gives the new device (`name`: IFNAMSIZ bytes) its MAC and MTU and brings it up. Returns the step that failed, with errno set, or NULL. */
static const char *configure(const char *name, int mtu, const uint8_t *mac, uint8_t *mac_out) {
  const char *failed = NULL;
  struct ifreq request;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "socket";
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, name, IFNAMSIZ);
  if (mac != NULL) {
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, mac, 6);
    if (ioctl(fd, SIOCSIFHWADDR, &request) < 0) failed = "set the MAC address";
  }
  if (failed == NULL) {
    request.ifr_mtu = mtu;
    if (ioctl(fd, SIOCSIFMTU, &request) < 0) failed = "set the MTU";
  }
  if (failed == NULL) {
    silence_ipv6(if_nametoindex(name));
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) failed = "read the flags";
  }
  if (failed == NULL) {
    request.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) failed = "bring the device up";
  }
  if (failed == NULL) {
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) failed = "read the MAC address";
    else memcpy(mac_out, request.ifr_hwaddr.sa_data, 6);
  }
  int error = errno;
  close(fd);
  errno = error;
  return failed;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static void call(tap_t *tap, napi_ref callback, size_t argc, const napi_value *argv) {
  napi_value function, receiver;
  napi_get_reference_value(tap->env, callback, &function);
  napi_get_global(tap->env, &receiver);
  if (napi_make_callback(tap->env, tap->async, receiver, function, argc, argv, NULL) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(tap->env, &error);
    napi_fatal_exception(tap->env, error);
  }
}

/* The device is gone (deleted by somebody): polling on would spin. */
static void gone(tap_t *tap, int error) {
  uv_poll_stop(tap->device->poll);
  napi_handle_scope scope;
  napi_open_handle_scope(tap->env, &scope);
  char code[32];
  uv_err_name_r(-error, code, sizeof code);
  napi_value js_code;
  napi_create_string_utf8(tap->env, code, NAPI_AUTO_LENGTH, &js_code);
  call(tap, tap->on_gone, 1, &js_code);
  napi_close_handle_scope(tap->env, scope);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)events;
  tap_t *tap = ((device_t *)poll->data)->tap;
  if (tap == NULL) return;
  if (status < 0 && status != UV_EBADF) {
    gone(tap, -status);
    return;
  }
  uint32_t count = 0;
  size_t used = 0;
  int error = 0;
  while (count < BATCH_FRAMES && used <= BATCH_BYTES) {
    ssize_t length = read(tap->device->fd, tap->frames + used, FRAME_MAX);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) {
      error = length < 0 ? errno : 0;
      break;
    }
    tap->places[2 * count] = (uint32_t)used;
    tap->places[2 * count + 1] = (uint32_t)length;
    count++;
    used += ((size_t)length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
  if (count > 0) {
    napi_handle_scope scope;
    napi_open_handle_scope(tap->env, &scope);
    napi_value js_count;
    napi_create_uint32(tap->env, count, &js_count);
    call(tap, tap->on_batch, 1, &js_count);
    napi_close_handle_scope(tap->env, scope);
  }
  /* The callback may have closed the tap. EIO: the interface is down, which passes. */
  if (tap->device != NULL && count == 0 && error != 0 && error != EAGAIN && error != EIO) gone(tap, error);
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
  ssize_t written = -1;
  if (tap->device != NULL) {
    do written = write(tap->device->fd, bytes, length);
    while (written < 0 && errno == EINTR);
  }
  napi_get_boolean(env, written == (ssize_t)length, &result);
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
