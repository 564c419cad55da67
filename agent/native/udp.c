/*
 * A UDP socket of one address family, read by a thread of its own (inbound.c). Datagrams are never fragmented on their way.
 *
 *   openUdp(lanes, ip, port, onMail(half, count), onGone(code)) -> { handle, port, joins, bytes, places }
 *     joins: whether the kernel hands over trains of datagrams as one (UDP_GRO)
 *   send(handle, datagram, ip, port) -> errno name, or undefined when the kernel took it
 *   close(handle)                    idempotent
 *
 * Errors are thrown with `code` (an errno name) and `step` (the call that failed).
 */
#include "udp.h"

#include "inbound.h"
#include "train.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* A burst of 10 ms at 1.6 Gbit/s. Without CAP_NET_ADMIN the kernel may grant less. */
#define RECEIVE_BYTES (4 * 1024 * 1024)
#define SEND_BYTES (1024 * 1024)

bool endpoint_of(napi_env env, napi_value ip, napi_value port, endpoint_t *endpoint) {
  char text[INET6_ADDRSTRLEN];
  size_t length = 0;
  uint32_t number = 0;
  memset(endpoint, 0, sizeof *endpoint);
  struct sockaddr_in *ip4 = (struct sockaddr_in *)&endpoint->address;
  struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)&endpoint->address;
  if (napi_get_value_string_utf8(env, ip, text, sizeof text, &length) == napi_ok &&
      napi_get_value_uint32(env, port, &number) == napi_ok && number <= 65535) {
    if (inet_pton(AF_INET, text, &ip4->sin_addr) == 1) {
      ip4->sin_family = AF_INET;
      ip4->sin_port = htons((uint16_t)number);
      endpoint->length = sizeof *ip4;
      return true;
    }
    if (inet_pton(AF_INET6, text, &ip6->sin6_addr) == 1) {
      ip6->sin6_family = AF_INET6;
      ip6->sin6_port = htons((uint16_t)number);
      endpoint->length = sizeof *ip6;
      return true;
    }
  }
  napi_throw_type_error(env, NULL, "expected an IP address and a port");
  return false;
}

static void set_option(int fd, int level, int name, int value) {
  (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void set_options(int fd, bool is_ip6) {
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){RECEIVE_BYTES}, sizeof(int)) < 0)
    set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){SEND_BYTES}, sizeof(int)) < 0)
    set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BYTES);
  /* Don't fragment, and don't believe ICMP: what a path carries is measured. */
  if (is_ip6) {
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
  } else {
    set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
  }
}

/* Returns the fd, or -1 with errno. */
static int open_socket(const endpoint_t *at, bool *joins, uint16_t *port) {
  bool is_ip6 = at->address.ss_family == AF_INET6;
  int fd = socket(at->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  set_options(fd, is_ip6);
  *joins = setsockopt(fd, IPPROTO_UDP, UDP_GRO, &(int){1}, sizeof(int)) == 0;
  endpoint_t bound;
  bound.length = sizeof bound.address;
  if (bind(fd, (const struct sockaddr *)&at->address, at->length) < 0 ||
      getsockname(fd, (struct sockaddr *)&bound.address, &bound.length) < 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  *port = is_ip6 ? ntohs(((struct sockaddr_in6 *)&bound.address)->sin6_port)
                 : ntohs(((struct sockaddr_in *)&bound.address)->sin_port);
  return fd;
}

static napi_value js_open_udp(napi_env env, napi_callback_info info) {
  size_t argc = 5;
  napi_value argv[5];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  void *lanes = NULL;
  endpoint_t at;
  if (argc < 5 || napi_get_value_external(env, argv[0], &lanes) != napi_ok) {
    napi_throw_type_error(env, NULL, "openUdp(lanes, ip, port, onMail, onGone)");
    return NULL;
  }
  if (!endpoint_of(env, argv[1], argv[2], &at)) return NULL;
  bool joins = false;
  uint16_t port = 0;
  int fd = open_socket(&at, &joins, &port);
  if (fd < 0) return throw_errno(env, "open the UDP socket", errno);
  reader_t *reader = calloc(1, sizeof *reader);
  void *scratch = inbound_new();
  if (reader == NULL || scratch == NULL) {
    free(reader);
    free(scratch);
    close(fd);
    return throw_errno(env, "prepare the UDP socket", ENOMEM);
  }
  reader->fd = fd;
  reader->lanes = lanes;
  reader->name = "wow-udp";
  reader->drain = inbound_drain;
  reader->scratch = scratch;
  napi_value result = reader_start(env, reader, argv[0], argv[3], argv[4]);
  if (result == NULL) return NULL;
  napi_value js_port, js_joins;
  napi_create_uint32(env, port, &js_port);
  napi_get_boolean(env, joins, &js_joins);
  napi_set_named_property(env, result, "port", js_port);
  napi_set_named_property(env, result, "joins", js_joins);
  return result;
}

static napi_value js_send(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4], result = NULL;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  reader_t *reader = reader_of(env, argv[0]);
  endpoint_t to;
  if (reader == NULL || !endpoint_of(env, argv[2], argv[3], &to)) return NULL;
  void *bytes = NULL;
  size_t length = 0;
  napi_typedarray_type kind;
  if (napi_get_typedarray_info(env, argv[1], &kind, &length, &bytes, NULL, NULL) != napi_ok ||
      kind != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "datagram: expected a Uint8Array");
    return NULL;
  }
  int error = reader->fd < 0 ? EBADF : 0;
  /* The first failure may be what the network said of an earlier datagram. */
  for (int tries = 0; error == 0 && tries < 2; tries++) {
    if (sendto(reader->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to.address, to.length) >= 0)
      break;
    if (tries > 0 || errno == EAGAIN || errno == EMSGSIZE) error = errno;
  }
  if (error == 0) return NULL;
  char code[32];
  uv_err_name_r(-error, code, sizeof code);
  napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &result);
  return result;
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  reader_t *reader = reader_of(env, argv[0]);
  if (reader != NULL) reader_close(reader);
  return NULL;
}

void udp_export(napi_env env, napi_value exports) {
  napi_property_descriptor functions[] = {
      {"openUdp", NULL, js_open_udp, NULL, NULL, NULL, napi_enumerable, NULL},
      {"send", NULL, js_send, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, js_close, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
}
