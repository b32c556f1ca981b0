/* jetpack.self/1: the plugin that runs: its directories, and whether it should end.
 * Part of jetpack/abi.h; include that. */
#pragma once

#define JP_SELF "jetpack.self/1"

/* Paths are absolute. */
typedef struct jp_self {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* [any-thread] Writes the plugin's id: "com.example.gpu". */
  int32_t (*id)(void* self, jp_sink out, jp_error* err);
  /* [any-thread] Writes the directory that the plugin's own files are in: of a bundle its root, which
   * has lib/ and share/; else the directory of the library. Only to be read. */
  int32_t (*plugin_dir)(void* self, jp_sink out, jp_error* err);
  /* [any-thread] Writes the directory for what the plugin keeps from run to run: var/plugins/ID of
   * the home, created with mode 0700. JP_DENIED when it belongs to another user or others can write
   * to it, JP_UNAVAILABLE when it cannot be created, JP_USAGE when the plugin's id cannot be the name
   * of a directory. */
  int32_t (*state_dir)(void* self, jp_sink out, jp_error* err);
  /* [any-thread] Writes a directory that is empty at first, has mode 0700 and is removed with all
   * that is in it when the command ends, also when it crashes. The same for each call. JP_UNAVAILABLE
   * when it cannot be created. */
  int32_t (*temp_dir)(void* self, jp_sink out, jp_error* err);
  /* [thread-safe] 1 once SIGINT or SIGTERM has arrived, else 0. Before the first call those signals
   * end the process at once, as usual; from then on the first one is only remembered, and programs
   * that jp_process.run waits for are asked to end. Another one ends the process. */
  int32_t (*cancelled)(void* self);
} jp_self;
