/* The tap's functions for JavaScript: openTap, write, setCarrier, removeAddress. */
#ifndef WOW_TAP_H
#define WOW_TAP_H

#include <node_api.h>

void tap_export(napi_env env, napi_value exports);

#endif
