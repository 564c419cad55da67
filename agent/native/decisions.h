/* The tables' functions for JavaScript. */
#ifndef WOW_DECISIONS_H
#define WOW_DECISIONS_H

#include <node_api.h>

void decisions_export(napi_env env, napi_value exports);

#endif
