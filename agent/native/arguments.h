/*
 * The functions of the addon as JavaScript calls them: what it passes, what they throw, how they are exported. A getter of an
 * argument returns NULL or 0 after throwing a TypeError.
 */
#ifndef WOW_ARGUMENTS_H
#define WOW_ARGUMENTS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Defines `argv` with `n` arguments in a function of (env, info); returns from it when there are fewer. */
#define ARGUMENTS(n)                                       \
  size_t argc = n;                                         \
  napi_value argv[n];                                      \
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);    \
  if (argc < (n)) {                                        \
    napi_throw_type_error(env, NULL, "too few arguments"); \
    return NULL;                                           \
  }

typedef struct {
  const char *name;
  napi_callback call;
} function_t;

void export_functions(napi_env env, napi_value exports, const function_t *functions, size_t count);

/* Exports functions, each { name, call }, in a function of (env, exports). */
#define EXPORT(...)                                                                           \
  const function_t functions[] = {__VA_ARGS__};                                               \
  export_functions(env, exports, functions, sizeof functions / sizeof *functions);

/* What an external holds; `what` is for people. */
void *external_at(napi_env env, napi_value value, const char *what);

uint32_t number_at(napi_env env, napi_value value);

bool is_undefined(napi_env env, napi_value value);

/* The memory of a typed array that has at least `least` elements; `length`: where their number goes, or NULL. */
void *array_at(napi_env env, napi_value value, const char *what, napi_typedarray_type type, size_t least,
               size_t *length);

/* The name of an errno, such as ECONNREFUSED. */
napi_value errno_name(napi_env env, int error);

/* Throws an error with `code`, an errno's name, and `step`, the call that failed. */
napi_value throw_errno(napi_env env, const char *step, int error);

#endif
