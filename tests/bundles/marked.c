/* marked.c: a plugin whose constructor leaves a mark, which shows whether an instruction of it ran. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jetpack/abi.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ID
#define ID "test.marked"
#endif
#ifndef VERSION
#define VERSION "1.0.0"
#endif
#ifndef COMMAND
#define COMMAND "marked"
#endif
#ifndef ABI
#define ABI "[1,0]"
#endif
#ifndef REQUIRES
#define REQUIRES "[]"
#endif
JP_NOTE("{\"schema\":1,\"id\":\"" ID "\",\"version\":\"" VERSION "\",\"abi\":" ABI
        ",\"requires\":" REQUIRES ",\"commands\":[{\"name\":\"" COMMAND
        "\",\"summary\":\"Say which version it is\"}]}");

__attribute__((constructor)) static void leave_mark(void) {
  const char* path = getenv("TEST_MARKER");
  if (path != NULL) close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static int32_t open_plugin(const jp_host* host, void** self, jp_error* err) {
  (void)host;
  (void)self;
  (void)err;
  return JP_OK;
}

static int32_t run(void* self, const jp_call* call, int32_t* exit_code, jp_error* err) {
  (void)self;
  (void)err;
  *exit_code = 0;
  return call->out.write(call->out.ctx, VERSION "\n", strlen(VERSION) + 1) == 0 ? JP_OK : JP_FAILED;
}

static void close_plugin(void* self) { (void)self; }

JP_EXPORT const jp_plugin jetpack_plugin_v1 = {sizeof(jp_plugin), JP_ABI_MAJOR, JP_ABI_MINOR,
                                               open_plugin,       run,          close_plugin};
