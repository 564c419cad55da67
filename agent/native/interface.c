/*
 * The tap as the kernel's network stack sees it: an interface that has a MAC, an MTU and addresses.
 *
 * Promise: nothing here knows of Node or keeps anything open. What the kernel refuses comes back as an errno.
 */
#include "interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* RTM_DELADDR of one local address, whatever its prefix. */
int remove_address(unsigned index, uint32_t ip) {
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

const char *configure(const char *name, int mtu, const uint8_t *mac, uint8_t *mac_out) {
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
