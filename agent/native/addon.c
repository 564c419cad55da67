/*
 * The addon tap.node: a tap and UDP sockets read by threads of their own, and the tables by which these move packets between
 * them. N-API, libuv and OpenSSL come out of the node binary, so one build runs under every Node from 20 on.
 */
#include "arguments.h"
#include "decisions.h"
#include "tap.h"
#include "udp.h"

/* memory.c */
napi_value js_give_back(napi_env env, napi_callback_info info);

NAPI_MODULE_INIT() {
  tap_export(env, exports);
  udp_export(env, exports);
  decisions_export(env, exports);
  EXPORT({"giveBack", js_give_back})
  return exports;
}
