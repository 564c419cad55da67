/*
 * A UDP socket of one address family, read by a thread of its own (inbound.c). Datagrams are never fragmented on their way.
 *
 *   openUdp(lanes, ip, port, onMail(half, count), onGone(code)) -> { handle, port, joins, segments, bytes, places }
 *     joins: whether the kernel hands over trains of datagrams as one (UDP_GRO)
 *     segments: whether it sends one long piece as many datagrams (UDP_SEGMENT)
 *   send(handle, datagram, ip, port) -> errno name, or undefined when the kernel took it
 *   close(handle)                    idempotent
 *
 * Errors are thrown with `code` (an errno name) and `step` (the call that failed).
 */
#include "udp.h"

#include "arguments.h"
#include "inbound.h"
#include "train.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
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
  ARGUMENTS(5)
  lanes_t *lanes = external_at(env, argv[0], "lanes");
  endpoint_t at;
  if (lanes == NULL || !endpoint_of(env, argv[1], argv[2], &at)) return NULL;
  bool joins = false;
  uint16_t port = 0;
  int fd = open_socket(&at, &joins, &port);
  if (fd < 0) return throw_errno(env, "open the UDP socket", errno);
  reader_t *reader = reader_new(env, fd, lanes, "wow-udp", inbound_drain, inbound_new());
  if (reader == NULL) return NULL;
  napi_value result = reader_start(env, reader, argv[0], argv[3], argv[4]);
  if (result == NULL) return NULL;
  if (at.address.ss_family == AF_INET) {
    pthread_rwlock_wrlock(&lanes->lock);
    reader->port = port;
    own_port_set(lanes, port, true);
    pthread_rwlock_unlock(&lanes->lock);
  }
  int size = 0;
  bool segments = getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &(socklen_t){sizeof size}) == 0;
  napi_value js_port, js_joins, js_segments;
  napi_create_uint32(env, port, &js_port);
  napi_get_boolean(env, joins, &js_joins);
  napi_get_boolean(env, segments, &js_segments);
  napi_set_named_property(env, result, "port", js_port);
  napi_set_named_property(env, result, "joins", js_joins);
  napi_set_named_property(env, result, "segments", js_segments);
  return result;
}

static napi_value js_send(napi_env env, napi_callback_info info) {
  ARGUMENTS(4)
  reader_t *socket = reader_of(env, argv[0]);
  endpoint_t to;
  if (socket == NULL || !endpoint_of(env, argv[2], argv[3], &to)) return NULL;
  size_t length = 0;
  const uint8_t *bytes = array_at(env, argv[1], "datagram", napi_uint8_array, 0, &length);
  if (bytes == NULL) return NULL;
  int error = socket->fd < 0 ? EBADF : send_datagram(socket, &to, bytes, length, 0);
  return error == 0 ? NULL : errno_name(env, error);
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  ARGUMENTS(1)
  reader_t *reader = reader_of(env, argv[0]);
  if (reader != NULL) reader_close(reader);
  return NULL;
}

void udp_export(napi_env env, napi_value exports) {
  EXPORT({"openUdp", js_open_udp}, {"send", js_send}, {"close", js_close})
}
