#include "arguments.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static void throw_type(napi_env env, const char *what, const char *expected) {
  char message[128];
  snprintf(message, sizeof message, "%s: expected %s", what, expected);
  napi_throw_type_error(env, NULL, message);
}

void export_functions(napi_env env, napi_value exports, const function_t *functions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
}

void *external_at(napi_env env, napi_value value, const char *what) {
  void *data = NULL;
  if (napi_get_value_external(env, value, &data) == napi_ok) return data;
  throw_type(env, what, "what the addon returned");
  return NULL;
}

uint32_t number_at(napi_env env, napi_value value) {
  uint32_t number = 0;
  if (napi_get_value_uint32(env, value, &number) != napi_ok) napi_throw_type_error(env, NULL, "expected a number");
  return number;
}

bool is_undefined(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == napi_undefined;
}

void *array_at(napi_env env, napi_value value, const char *what, napi_typedarray_type type, size_t least,
               size_t *length) {
  void *data = NULL;
  size_t count = 0;
  napi_typedarray_type kind;
  if (napi_get_typedarray_info(env, value, &kind, &count, &data, NULL, NULL) == napi_ok && kind == type &&
      count >= least) {
    static uint8_t nothing;
    if (length != NULL) *length = count;
    return data == NULL ? &nothing : data;
  }
  throw_type(env, what, "a typed array of another kind or length");
  return NULL;
}

napi_value errno_name(napi_env env, int error) {
  char name[32];
  uv_err_name_r(-error, name, sizeof name);
  napi_value result;
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &result);
  return result;
}

napi_value throw_errno(napi_env env, const char *step, int error) {
  char message[128];
  snprintf(message, sizeof message, "%s: %s", step, strerror(error));
  napi_value js_message, js_step, js_error;
  napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &js_message);
  napi_create_string_utf8(env, step, NAPI_AUTO_LENGTH, &js_step);
  napi_create_error(env, errno_name(env, error), js_message, &js_error);
  napi_set_named_property(env, js_error, "step", js_step);
  napi_throw(env, js_error);
  return NULL;
}
