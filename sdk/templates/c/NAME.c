/* @NAME@.c: the command `jetpack @NAME@`, in C11. */
#include <jetpack/abi.h>
#include <stdio.h>
#include <string.h>

JP_NOTE(
    "{\"schema\":1,\"id\":\"@ID@\",\"version\":\"0.1.0\",\"abi\":[1,0],"
    "\"requires\":[\"jetpack.config/1\"],"
    "\"commands\":[{\"name\":\"@NAME@\",\"summary\":\"Print the node that it runs on\"}],"
    "\"details\":[{\"command\":\"@NAME@\",\"examples\":[{\"line\":\"jetpack @NAME@\","
    "\"help\":\"Print the node's name\"}]}]}");

/* A name that is too long for its buffer is cut. */
struct text {
  size_t size;
  char data[256];
};

static int32_t append(void* ctx, const char* data, size_t size) {
  struct text* text = ctx;
  const size_t room = sizeof text->data - text->size;
  if (size > room) size = room;
  if (size > 0) memcpy(text->data + text->size, data, size);
  text->size += size;
  return 0;
}

static jp_str borrow(const char* text) {
  const jp_str str = {text, strlen(text)};
  return str;
}

/* This node's name, by the config service. */
static int32_t node_name(const jp_host* host, struct text* name, jp_error* err) {
  const void* table = NULL;
  int32_t status = host->service(host->self, borrow(JP_CONFIG), &table, err);
  if (status != JP_OK) return status;
  const jp_config* config = table;
  const jp_sink sink = {name, append};
  status = config->get(config->self, borrow(JP_TREE_CONFIG), borrow("cyclecloud.node.name"),
                       JP_PLAIN, sink, err);
  /* A new node has no configuration at all. */
  if (status != JP_NOT_FOUND && status != JP_UNAVAILABLE) return status;
  return append(name, "a node without a name", strlen("a node without a name"));
}

static int32_t open_plugin(const jp_host* host, void** self, jp_error* err) {
  (void)err;
  *self = (void*)(uintptr_t)host;
  return JP_OK;
}

static int32_t run(void* self, const jp_call* call, int32_t* exit_code, jp_error* err) {
  struct text name = {0, ""};
  const int32_t status = node_name(self, &name, err);
  if (status != JP_OK) return status;
  char line[320];
  const int size = snprintf(line, sizeof line, "@NAME@ runs on %.*s\n", (int)name.size, name.data);
  if (call->out.write(call->out.ctx, line, (size_t)size) != 0) {
    err->code = JP_FAILED;
    err->size = (uint32_t)snprintf(err->text, sizeof err->text, "cannot write to standard output");
    return JP_FAILED;
  }
  *exit_code = 0;
  return JP_OK;
}

static void close_plugin(void* self) { (void)self; }

const jp_plugin jetpack_plugin_v1 = {sizeof(jp_plugin), JP_ABI_MAJOR, JP_ABI_MINOR,
                                     open_plugin,       run,          close_plugin};
