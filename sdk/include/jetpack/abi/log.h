/* jetpack.log/1: the agent's own log. [any-thread]
 * Part of jetpack/abi.h; include that. */
#pragma once

#define JP_LOG "jetpack.log/1"

typedef enum jp_level {
  JP_LEVEL_DEBUG = 10, /* the numbers are those of Python's logging, whose format the file keeps */
  JP_LEVEL_INFO = 20,
  JP_LEVEL_WARNING = 30,
  JP_LEVEL_ERROR = 40
} jp_level;

typedef struct jp_log {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* Appends to logs/jetpack.log, secrets masked. Never fails: what cannot be written is dropped. */
  void (*write)(void* self, uint32_t level, jp_str message);
  /* The masking of secrets that the log itself uses, for a stream of any length in bounded memory.
   * The same comes out wherever the stream is split. A redactor is used by one thread at a time;
   * two may be used at once. */
  int32_t (*redactor_open)(void* self, void** redactor, jp_error* err);
  /* Takes a piece of the stream and writes what can be shown so far. Fails when `out` does. */
  int32_t (*redactor_feed)(void* self, void* redactor, jp_str piece, jp_sink out, jp_error* err);
  /* Writes the rest and sets *secrets to how many were masked; then another stream may start. */
  int32_t (*redactor_finish)(void* self, void* redactor, jp_sink out, uint64_t* secrets,
                             jp_error* err);
  void (*redactor_close)(void* self, void* redactor);
} jp_log;
