/* The host as a plugin sees it, and the plugin as the host sees it.
 * Part of jetpack/abi.h; include that. */
#pragma once

typedef struct jp_host {
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void* self;
  jp_str version; /* what `jetpack --version` prints: "8.10.0-100" */
  /* [any-thread] Sets *table to a service's table, valid until the end. JP_UNSUPPORTED when this
   * jetpack does not offer it; a service that exists and cannot start says why. */
  int32_t (*service)(void* self, jp_str id, const void** table, jp_error* err);
} jp_host;

typedef enum jp_type {
  JP_FLAG = 1,    /* numbers: 0 or 1 */
  JP_TEXT = 2,    /* numbers: NULL */
  JP_INTEGER = 3, /* numbers: the value */
  JP_DURATION = 4 /* numbers: milliseconds; written "90", "90s", "10m", "6h", "2d" or "250ms" */
} jp_type;

/* One option or argument of a command, checked against its declaration. */
typedef struct jp_value {
  uint32_t size;
  uint32_t type;          /* a jp_type */
  jp_str name;            /* as declared: "level", "MESSAGE" */
  uint32_t given;         /* 1: on the command line; 0: the declared default, or nothing */
  uint32_t count;         /* values; 0 when absent */
  const jp_str* texts;    /* as written; `count` of them */
  const int64_t* numbers; /* see jp_type; `count` of them */
} jp_value;

enum {
  JP_OUT_IS_TERMINAL = 1, /* jp_call.terminal */
  JP_ERR_IS_TERMINAL = 2,
  JP_IN_IS_TERMINAL = 4
};

/* One invocation of a command. */
typedef struct jp_call {
  uint32_t size;
  uint32_t terminal;             /* JP_OUT_IS_TERMINAL | JP_ERR_IS_TERMINAL | JP_IN_IS_TERMINAL */
  jp_str command;                /* "condition set" */
  const jp_value* const* values; /* every declared option, then every argument, as declared */
  uint32_t value_count;
  uint32_t reserved;
  jp_sink out; /* standard output: the answer, and nothing else */
  jp_sink err; /* standard error: everything for a person */
} jp_call;

typedef struct jp_plugin {
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_minor; /* the least it needs */
  /* [main-thread] Called once, before run. */
  int32_t (*open)(const jp_host* host, void** self, jp_error* err);
  /* [main-thread] Runs a command. On JP_OK the exit code is *exit_code, else 1 (JP_USAGE: 2). */
  int32_t (*run)(void* self, const jp_call* call, int32_t* exit_code, jp_error* err);
  /* [main-thread] Called once, after run, if open returned JP_OK. The library stays loaded. */
  void (*close)(void* self);
} jp_plugin;

/* The only symbol that a plugin exports. It is data, so that finding it runs nothing. */
#define JP_ENTRY "jetpack_plugin_v1"
#define JP_EXPORT __attribute__((visibility("default")))
extern JP_EXPORT const jp_plugin jetpack_plugin_v1;

/* The ELF note that describes a plugin to a host that has not loaded it. Its descriptor is the JSON
 * text that sdk/README.md defines; C++ plugins get it from JETPACK_PLUGIN. */
#define JP_NOTE_SECTION ".note.jetpack"
#define JP_NOTE_OWNER "jetpack"
#define JP_NOTE_TYPE 0x4a500001u
#define JP_NOTE_MAX 65536u /* bytes of descriptor */

/* Places the note of a plugin that is written in C: JP_NOTE("{\"schema\":1, ...}") */
#define JP_NOTE(json)                                                               \
  static const struct {                                                             \
    uint32_t name_size, descriptor_size, type;                                      \
    char name[8];                                                                   \
    char descriptor[sizeof(json) - 1];                                              \
  } jp_note __attribute__((section(JP_NOTE_SECTION), used, retain, aligned(4))) = { \
      sizeof(JP_NOTE_OWNER), sizeof(json) - 1, JP_NOTE_TYPE, JP_NOTE_OWNER, json}
