/* bad.c: a plugin that is right until BEHAVIOUR makes it wrong; its constructor leaves a marker
 * file, which shows whether an instruction of it ran. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jetpack/abi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef NOTE
#define NOTE                                                               \
  "{\"schema\":1,\"id\":\"test.bad\",\"version\":\"1.0.0\",\"abi\":[1,0]," \
  "\"commands\":[{\"name\":\"bad\",\"summary\":\"Does what a test asked for\"}]}"
#endif
#ifndef NO_NOTE
JP_NOTE(NOTE);
#endif

__attribute__((constructor)) static void leave_marker(void) {
  const char* path = getenv("TEST_MARKER");
  if (path != NULL) close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static int32_t fail(jp_error* err, const char* text) {
  err->code = JP_FAILED;
  err->size = (uint32_t)snprintf(err->text, sizeof err->text, "%s", text);
  return JP_FAILED;
}

static int32_t run_right(const jp_call* call, jp_error* err) {
  (void)err;
  return call->out.write(call->out.ctx, "right\n", 6);
}

static int32_t run_error(const jp_call* call, jp_error* err) {
  (void)call;
  return fail(err, "cannot do it: the test said so\ndetails stand below");
}

/* A status that no jp_status names, and no text. */
static int32_t run_strange_status(const jp_call* call, jp_error* err) {
  (void)call;
  (void)err;
  return 12345;
}

/* More text than there is room for: the host must not read beyond. */
static int32_t run_long_error(const jp_call* call, jp_error* err) {
  (void)call;
  memset(err->text, 'x', sizeof err->text);
  err->size = UINT32_MAX;
  return JP_FAILED;
}

static int32_t run_segfault(const jp_call* call, jp_error* err) {
  (void)call;
  (void)err;
  *(volatile int*)8 = 1;
  return JP_OK;
}

static int32_t run_abort(const jp_call* call, jp_error* err) {
  (void)call;
  (void)err;
  abort();
}

static int32_t run_kill(const jp_call* call, jp_error* err) {
  (void)call;
  (void)err;
  return raise(SIGKILL);
}

static int32_t run_exit(const jp_call* call, jp_error* err) {
  (void)call;
  (void)err;
  exit(77);
}

static volatile int32_t forever = 1;
static int32_t run_recursion(const jp_call* call, jp_error* err) {
  volatile char frame[4096] = {0};
  if (forever) frame[forever] = (char)run_recursion(call, err);
  return frame[forever];
}

#ifdef UNDEFINED
extern int32_t jp_test_defined_nowhere(void);
static int32_t run_undefined(const jp_call* call, jp_error* err) {
  (void)call;
  (void)err;
  return jp_test_defined_nowhere();
}
#endif

#ifndef BEHAVIOUR
#define BEHAVIOUR run_right
#endif

static int32_t open_plugin(const jp_host* host, void** self, jp_error* err) {
  *self = (void*)(uintptr_t)host;
#ifdef OPEN_FAILS
  return fail(err, "cannot start: the test said so");
#else
  (void)err;
  return JP_OK;
#endif
}

static int32_t run(void* self, const jp_call* call, int32_t* exit_code, jp_error* err) {
  int32_t (*const all[])(const jp_call*, jp_error*) = {
      run_right,     run_error, run_strange_status, run_long_error, run_segfault,
      run_recursion, run_abort, run_kill,           run_exit};
  (void)self;
  (void)all;
  *exit_code = 0;
  return BEHAVIOUR(call, err);
}

static void close_plugin(void* self) { (void)self; }

#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(jp_plugin)
#endif
#ifndef TABLE_MAJOR
#define TABLE_MAJOR JP_ABI_MAJOR
#endif
#ifdef NO_ENTRY
extern const jp_plugin jetpack_plugin_v2;
JP_EXPORT const jp_plugin jetpack_plugin_v2
#else
const jp_plugin jetpack_plugin_v1
#endif
    = {TABLE_SIZE, TABLE_MAJOR, JP_ABI_MINOR, open_plugin, run, close_plugin};
