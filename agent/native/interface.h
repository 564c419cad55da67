/*
 * What interface.c does with the interface that a tap is.
 */
#ifndef WOW_INTERFACE_H
#define WOW_INTERFACE_H

#include <stdint.h>

/*
 * Gives the new device (`name`: IFNAMSIZ bytes) its MAC (NULL: the kernel's choice) and its MTU and brings it up.
 * `mac_out` gets the MAC it has. Returns the step that failed, with errno set, or NULL.
 */
const char *configure(const char *name, int mtu, const uint8_t *mac, uint8_t *mac_out);

/* Takes an IPv4 address (host order) off the interface. Returns 0, also when it was not there, or an errno. */
int remove_address(unsigned index, uint32_t ip);

#endif
