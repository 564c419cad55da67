#include "reader.h"

#include "arguments.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_BYTES (256 * 1024)

/* ---- the thread --------------------------------------------------------------------------------------------- */

/*
 * A packet waits for its thread to get a processor. The thread works only while there are packets, and each hop of a busy
 * machine otherwise costs a time slice of whoever runs (3 ms). Without the right (CAP_SYS_NICE) it is as patient as others.
 * JavaScript, which decides, comes before it (agent/host/precedence.ts).
 */
#define NICENESS (-15)

static void *run(void *data) {
  reader_t *reader = data;
  pthread_setname_np(pthread_self(), reader->name);
  (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
  (void)prctl(PR_SET_TIMERSLACK, 1);
  struct pollfd polled[2] = {{.fd = reader->fd, .events = POLLIN}, {.fd = reader->stop, .events = POLLIN}};
  for (;;) {
    int ready = poll(polled, 2, reader->pace.empty ? -1 : 0);
    if (ready < 0 && errno != EINTR) break;
    if (ready <= 0) {
      /* The last batch was all that there was. */
      if (ready == 0) reader_empty(reader);
      continue;
    }
    if (polled[1].revents != 0) break;
    if (polled[0].revents == 0) continue;
    int error = reader->drain(reader);
    if (error != 0) {
      __atomic_store_n(&reader->gone, error, __ATOMIC_RELEASE);
      uv_async_send(reader->bell);
      break;
    }
    if (pace_gathers(&reader->pace, now_ns())) pace_wait();
  }
  return NULL;
}

static int start_thread(reader_t *reader) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  /* Signals are Node's. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&reader->thread, &attributes, run, reader);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

/* ---- calls of JavaScript ------------------------------------------------------------------------------------ */

static void call(reader_t *reader, napi_ref callback, size_t argc, const napi_value *argv) {
  napi_value function, receiver;
  napi_get_reference_value(reader->env, callback, &function);
  napi_get_global(reader->env, &receiver);
  if (napi_make_callback(reader->env, reader->async, receiver, function, argc, argv, NULL) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(reader->env, &error);
    napi_fatal_exception(reader->env, error);
  }
}

static void on_bell(uv_async_t *bell) {
  reader_t *reader = bell->data;
  if (reader == NULL) return;
  napi_handle_scope scope;
  napi_open_handle_scope(reader->env, &scope);
  int half;
  uint32_t count = mailbox_take(&reader->mail, &half);
  if (count > 0) {
    napi_value argv[2];
    napi_create_int32(reader->env, half, &argv[0]);
    napi_create_uint32(reader->env, count, &argv[1]);
    call(reader, reader->on_mail, 2, argv);
    mailbox_done(&reader->mail, half);
  }
  /* The callback may have closed the reader. */
  int gone = __atomic_load_n(&reader->gone, __ATOMIC_ACQUIRE);
  if (gone != 0 && reader->fd >= 0 && !reader->told_gone) {
    reader->told_gone = true;
    napi_value js_code = errno_name(reader->env, gone);
    call(reader, reader->on_gone, 1, &js_code);
  }
  napi_close_handle_scope(reader->env, scope);
}

/* ---- opening and closing ------------------------------------------------------------------------------------ */

static void on_bell_closed(uv_handle_t *bell) {
  napi_async_cleanup_hook_handle hook = ((uv_async_t *)bell)->data;
  free(bell);
  napi_remove_async_cleanup_hook(hook);
}

/* Lets go of what a reader without a thread has and JavaScript has not. */
static void let_go(reader_t *reader) {
  close(reader->stop);
  close(reader->fd);
  reader->fd = -1;
  free(reader->scratch);
  reader->bell->data = reader->hook;
  uv_close((uv_handle_t *)reader->bell, on_bell_closed);
}

/* Ends the thread, and lets go of everything that does not belong to JavaScript. */
static void release(reader_t *reader) {
  if (reader->fd < 0) return;
  (void)!write(reader->stop, &(uint64_t){1}, sizeof(uint64_t));
  pthread_join(reader->thread, NULL);
  lanes_t *lanes = reader->lanes;
  pthread_rwlock_wrlock(&lanes->lock);
  if (lanes->tap == reader) lanes->tap = NULL;
  lanes_forget_socket(lanes, reader);
  own_port_set(lanes, reader->port, false);
  pthread_rwlock_unlock(&lanes->lock);
  let_go(reader);
}

static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  release(data);
}

void reader_close(reader_t *reader) {
  if (reader->fd < 0) return;
  release(reader);
  napi_async_destroy(reader->env, reader->async);
  napi_ref refs[] = {reader->on_mail, reader->on_gone, reader->buffers, reader->lanes_handle};
  for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) napi_delete_reference(reader->env, refs[i]);
}

/* While it is open, its callbacks keep the handle alive: so it is closed by now, or the environment ends. */
static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  release(data);
  free(data);
}

reader_t *reader_new(napi_env env, int fd, lanes_t *lanes, const char *name, int (*drain)(reader_t *), void *scratch) {
  reader_t *reader = calloc(1, sizeof *reader);
  if (reader == NULL || scratch == NULL) {
    free(reader);
    free(scratch);
    close(fd);
    throw_errno(env, "prepare a thread", ENOMEM);
    return NULL;
  }
  reader->fd = fd;
  reader->lanes = lanes;
  reader->name = name;
  reader->drain = drain;
  reader->scratch = scratch;
  return reader;
}

napi_value reader_start(napi_env env, reader_t *reader, napi_value lanes_handle, napi_value on_mail, napi_value on_gone) {
  uv_loop_t *loop = NULL;
  napi_get_uv_event_loop(env, &loop);
  reader->env = env;
  reader->stop = eventfd(0, EFD_CLOEXEC);
  reader->bell = calloc(1, sizeof *reader->bell);
  int error = reader->stop < 0 ? errno : reader->bell == NULL ? ENOMEM : -uv_async_init(loop, reader->bell, on_bell);
  if (error != 0) {
    if (reader->stop >= 0) close(reader->stop);
    close(reader->fd);
    free(reader->bell);
    free(reader->scratch);
    free(reader);
    return throw_errno(env, "prepare a thread", error);
  }
  reader->bell->data = reader;

  napi_value result, handle, bytes, places_memory, places, buffers, name;
  uint8_t *byte_memory;
  uint32_t *place_memory;
  size_t words = 2 * MAILBOX_MESSAGES * PLACE_WORDS;
  napi_create_arraybuffer(env, 2 * MAILBOX_BYTES, (void **)&byte_memory, &bytes);
  napi_create_arraybuffer(env, words * sizeof(uint32_t), (void **)&place_memory, &places_memory);
  napi_create_typedarray(env, napi_uint32_array, words, places_memory, 0, &places);
  mailbox_init(&reader->mail, byte_memory, place_memory, reader->bell);
  napi_create_array_with_length(env, 2, &buffers);
  napi_set_element(env, buffers, 0, bytes);
  napi_set_element(env, buffers, 1, places_memory);
  napi_create_reference(env, buffers, 1, &reader->buffers);
  napi_create_reference(env, lanes_handle, 1, &reader->lanes_handle);
  napi_create_reference(env, on_mail, 1, &reader->on_mail);
  napi_create_reference(env, on_gone, 1, &reader->on_gone);
  napi_create_string_utf8(env, "wow:reader", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &reader->async);
  napi_create_external(env, reader, on_collected, NULL, &handle);
  napi_add_async_cleanup_hook(env, on_environment_end, reader, &reader->hook);
  error = start_thread(reader);
  if (error != 0) {
    let_go(reader);
    return throw_errno(env, "start a thread", error);
  }
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "handle", handle);
  napi_set_named_property(env, result, "bytes", bytes);
  napi_set_named_property(env, result, "places", places);
  return result;
}

reader_t *reader_of(napi_env env, napi_value handle) {
  return external_at(env, handle, "handle");
}
