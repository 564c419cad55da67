/*
 * The addon tap.node: a tap and UDP sockets read by threads of their own, and the tables by which these move packets between
 * them. N-API, libuv and OpenSSL come out of the node binary, so one build runs under every Node from 20 on.
 */
#include "decisions.h"
#include "tap.h"
#include "udp.h"

/* memory.c */
napi_value js_give_back(napi_env env, napi_callback_info info);

NAPI_MODULE_INIT() {
  tap_export(env, exports);
  udp_export(env, exports);
  decisions_export(env, exports);
  napi_value give_back;
  napi_create_function(env, "giveBack", NAPI_AUTO_LENGTH, js_give_back, NULL, &give_back);
  napi_set_named_property(env, exports, "giveBack", give_back);
  return exports;
}
