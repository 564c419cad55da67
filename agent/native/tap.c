/*
 * A Linux tap device with its kernel's offloads, read by a thread of its own (outbound.c).
 *
 * Promise: the device exists exactly as long as its handle is open. How the kernel is told what it shall be is in
 * interface.c.
 *
 *   openTap(lanes, name, mtu, mac | undefined, onMail(half, count), onGone(code))
 *     -> { handle, mac, offloads, bytes, places }     offloads: 0 none, 1 TCP, 2 TCP and UDP
 *   write(handle, frame) -> boolean      false: the kernel did not take it (queue full, interface down)
 *   setCarrier(handle, on)
 *   removeAddress(handle, ip)            takes an IPv4 address (host order) off the interface; no error if it is not there
 *   close(handle)                        idempotent
 *
 * Errors are thrown with `code` (an errno name) and `step` (the call that failed).
 */
#include "tap.h"

#include "arguments.h"
#include "interface.h"
#include "outbound.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef TUNSETCARRIER
#define TUNSETCARRIER _IOW('T', 226, int)
#endif
#ifndef IFF_TUN_EXCL
#define IFF_TUN_EXCL 0x8000
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* The kernel hands over long TCP (and, from 6.2, UDP) packets uncut, and leaves checksums to us. */
static int ask_for_offloads(int fd) {
  int head = (int)VNET_HEAD;
  if (ioctl(fd, TUNSETVNETHDRSZ, &head) < 0) return 0;
  unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  if (ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0) return 2;
  return ioctl(fd, TUNSETOFFLOAD, tcp) == 0 ? 1 : 0;
}

/* Opens the device and names it in `request`. Returns its fd, or -1 with errno and the step that failed. */
static int open_device(struct ifreq *request, int mtu, const uint8_t *mac, uint8_t *own_mac, int *offloads,
                       const char **step) {
  *step = "open /dev/net/tun";
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -1;
  request->ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL);
  *step = "create the tap";
  if (ioctl(fd, TUNSETIFF, request) == 0) {
    *offloads = ask_for_offloads(fd);
    *step = configure(request->ifr_name, mtu, mac, own_mac);
    if (*step == NULL) return fd;
  }
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static napi_value js_open_tap(napi_env env, napi_callback_info info) {
  ARGUMENTS(6)
  struct ifreq request;
  memset(&request, 0, sizeof request);
  size_t name_length = 0;
  int32_t mtu = 0;
  lanes_t *lanes = external_at(env, argv[0], "lanes");
  if (lanes == NULL) return NULL;
  if (napi_get_value_string_utf8(env, argv[1], request.ifr_name, IFNAMSIZ, &name_length) != napi_ok ||
      napi_get_value_int32(env, argv[2], &mtu) != napi_ok) {
    napi_throw_type_error(env, NULL, "openTap(lanes, name, mtu, mac, onMail, onGone)");
    return NULL;
  }
  uint8_t *mac = NULL;
  if (!is_undefined(env, argv[3])) {
    size_t length = 0;
    mac = array_at(env, argv[3], "mac", napi_uint8_array, 6, &length);
    if (mac == NULL) return NULL;
    if (length != 6) {
      napi_throw_type_error(env, NULL, "mac: expected 6 bytes");
      return NULL;
    }
  }

  uint8_t own_mac[6];
  const char *step;
  int offloads = 0;
  int fd = open_device(&request, mtu, mac, own_mac, &offloads, &step);
  if (fd < 0) return throw_errno(env, step, errno);
  reader_t *tap = reader_new(env, fd, lanes, "wow-tap", outbound_drain, outbound_new());
  if (tap == NULL) return NULL;
  tap->index = if_nametoindex(request.ifr_name);
  tap->no_joined_udp = offloads < 2;
  napi_value result = reader_start(env, tap, argv[0], argv[4], argv[5]);
  if (result == NULL) return NULL;
  pthread_rwlock_wrlock(&lanes->lock);
  lanes->tap = tap;
  lanes->mtu = (size_t)mtu;
  pthread_rwlock_unlock(&lanes->lock);
  napi_value js_mac, js_offloads;
  void *data;
  napi_create_buffer_copy(env, sizeof own_mac, own_mac, &data, &js_mac);
  napi_create_int32(env, offloads, &js_offloads);
  napi_set_named_property(env, result, "mac", js_mac);
  napi_set_named_property(env, result, "offloads", js_offloads);
  return result;
}

static napi_value js_write(napi_env env, napi_callback_info info) {
  ARGUMENTS(2)
  reader_t *tap = reader_of(env, argv[0]);
  if (tap == NULL) return NULL;
  size_t length = 0;
  void *bytes = array_at(env, argv[1], "frame", napi_uint8_array, 0, &length);
  if (bytes == NULL) return NULL;
  ssize_t written = -1;
  if (tap->fd >= 0) {
    struct virtio_net_hdr plain;
    memset(&plain, 0, sizeof plain);
    struct iovec pieces[2] = {{.iov_base = &plain, .iov_len = VNET_HEAD}, {.iov_base = bytes, .iov_len = length}};
    do written = writev(tap->fd, pieces, 2);
    while (written < 0 && errno == EINTR);
  }
  napi_value result;
  napi_get_boolean(env, written == (ssize_t)(VNET_HEAD + length), &result);
  return result;
}

static napi_value js_set_carrier(napi_env env, napi_callback_info info) {
  ARGUMENTS(2)
  reader_t *tap = reader_of(env, argv[0]);
  bool on = false;
  if (tap == NULL || tap->fd < 0 || napi_get_value_bool(env, argv[1], &on) != napi_ok) return NULL;
  int carrier = on ? 1 : 0;
  if (ioctl(tap->fd, TUNSETCARRIER, &carrier) < 0) return throw_errno(env, "set the carrier", errno);
  return NULL;
}

static napi_value js_remove_address(napi_env env, napi_callback_info info) {
  ARGUMENTS(2)
  reader_t *tap = reader_of(env, argv[0]);
  uint32_t ip = 0;
  if (tap == NULL || tap->fd < 0 || napi_get_value_uint32(env, argv[1], &ip) != napi_ok) return NULL;
  int error = remove_address(tap->index, ip);
  if (error != 0) return throw_errno(env, "remove the address", error);
  return NULL;
}

void tap_export(napi_env env, napi_value exports) {
  EXPORT({"openTap", js_open_tap}, {"write", js_write}, {"setCarrier", js_set_carrier},
         {"removeAddress", js_remove_address})
}
