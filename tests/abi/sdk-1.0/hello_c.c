/* hello_c.c: `jetpack hello_c`, a third-party plugin in C11 that uses jetpack/abi.h alone. */
#include <jetpack/abi.h>
#include <stdio.h>
#include <string.h>

JP_NOTE(
    "{\"schema\":1,\"id\":\"com.example.hello_c\",\"version\":\"1.0.0\",\"abi\":[1,0],"
    "\"requires\":[\"jetpack.config/1\"],"
    "\"commands\":[{\"name\":\"hello_c\",\"summary\":\"Greet somebody, or this node, from C\"}],"
    "\"details\":[{\"command\":\"hello_c\","
    "\"options\":[{\"name\":\"greeting\",\"letter\":\"g\",\"default\":\"Hello\","
    "\"metavar\":\"WORD\",\"help\":\"The word to greet with\"}],"
    "\"arguments\":[{\"name\":\"NAME\",\"help\":\"Whom to greet; the node's name if left out\"}]"
    "}]}");

/* A name that is too long for its buffer is cut. */
struct text {
  size_t size;
  char data[256];
};

static int32_t keep(void* ctx, const char* data, size_t size) {
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

static int32_t fail(jp_error* err, int32_t code, const char* text) {
  if (err != NULL) {
    err->code = code;
    err->size = (uint32_t)snprintf(err->text, sizeof err->text, "%s", text);
  }
  return code;
}

static const jp_value* value(const jp_call* call, const char* name) {
  const jp_str wanted = borrow(name);
  for (uint32_t i = 0; i < call->value_count; ++i) {
    const jp_value* v = call->values[i];
    if (v->name.size == wanted.size && memcmp(v->name.data, wanted.data, wanted.size) == 0)
      return v;
  }
  return NULL;
}

/* This node's name, by the config service; "node" when it has none. */
static int32_t node_name(const jp_host* host, struct text* name, jp_error* err) {
  const void* table = NULL;
  const int32_t status = host->service(host->self, borrow(JP_CONFIG), &table, err);
  if (status != JP_OK) return status;
  const jp_config* config = table;
  const jp_sink sink = {name, keep};
  const int32_t found = config->get(config->self, borrow(JP_TREE_CONFIG),
                                    borrow("cyclecloud.node.name"), JP_PLAIN, sink, err);
  if (found != JP_NOT_FOUND) return found;
  return keep(name, "node", 4);
}

static int32_t print(const jp_call* call, const char* data, size_t size) {
  return call->out.write(call->out.ctx, data, size);
}

static int32_t open_plugin(const jp_host* host, void** self, jp_error* err) {
  (void)err;
  *self = (void*)(uintptr_t)host;
  return JP_OK;
}

static int32_t run(void* self, const jp_call* call, int32_t* exit_code, jp_error* err) {
  struct text name = {0, ""};
  const jp_value* greeting = value(call, "greeting");
  const jp_value* argument = value(call, "NAME");
  if (greeting == NULL || greeting->count == 0 || argument == NULL)
    return fail(err, JP_INTERNAL, "the host did not pass the declared values");

  if (argument->count > 0) {
    keep(&name, argument->texts[0].data, argument->texts[0].size);
  } else {
    const int32_t status = node_name(self, &name, err);
    if (status != JP_OK) return status;
  }
  if (print(call, greeting->texts[0].data, greeting->texts[0].size) != 0 ||
      print(call, ", ", 2) != 0 || print(call, name.data, name.size) != 0 ||
      print(call, ".\n", 2) != 0)
    return fail(err, JP_FAILED, "cannot write to standard output");
  *exit_code = 0;
  return JP_OK;
}

static void close_plugin(void* self) { (void)self; }

const jp_plugin jetpack_plugin_v1 = {sizeof(jp_plugin), JP_ABI_MAJOR, JP_ABI_MINOR,
                                     open_plugin,       run,          close_plugin};
