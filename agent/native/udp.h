/* The UDP socket's functions for JavaScript: openUdp, send; and endpoints as JavaScript names them. */
#ifndef WOW_UDP_H
#define WOW_UDP_H

#include "record.h"

#include <node_api.h>

void udp_export(napi_env env, napi_value exports);

/* The endpoint of an address and a port. Returns false, after throwing a TypeError, if they are none. */
bool endpoint_of(napi_env env, napi_value ip, napi_value port, endpoint_t *endpoint);

#endif
