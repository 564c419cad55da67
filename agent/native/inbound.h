/* UDP -> tap: records that the tables let through go to the tap at once, everything else goes to JavaScript. */
#ifndef WOW_INBOUND_H
#define WOW_INBOUND_H

#include "reader.h"

/*
 * What JavaScript gets is a message of the source, PLACE_HEAD bytes (gate.h), and what came. With tag 0 that is a datagram. With the
 * index of a lane it is a packet that the lane's peer sent, checksums complete; or three bytes, a probe's length after a
 * zero; or nothing: the peer sends from another place than the lane knows. With TAG_REFUSED it is nothing, and the place is
 * one to which a datagram was sent: an ICMP message says that nobody listens there.
 */
#define TAG_REFUSED 0xffffffffu

/* Memory of `inbound_drain`; NULL if there is none. */
void *inbound_new(void);

/* Reads and sorts a batch of datagrams. `reader->drain` of a UDP socket. */
int inbound_drain(reader_t *socket);

#endif
