/* jetpack.process/1: running scripts. [thread-safe]
 * Part of jetpack/abi.h; include that. */
#pragma once

#define JP_PROCESS "jetpack.process/1"

/* jp_process_spec.flags */
enum {
  JP_PROCESS_LEAVE_DAEMONS = 1 /* what a program that ended in time has left behind goes on */
};

typedef struct jp_process_spec {
  uint32_t size;
  uint32_t argc;      /* at least 1 */
  const jp_str* argv; /* argv[0]: a path, or a name that PATH finds */
  uint32_t env_count;
  uint32_t flags;         /* JP_PROCESS_LEAVE_DAEMONS, or 0 */
  const jp_str* env;      /* "NAME=VALUE", added to the caller's environment; may be NULL */
  jp_str directory;       /* working directory; empty: the caller's */
  jp_str input;           /* what standard input holds; empty: /dev/null */
  int64_t deadline_ms;    /* then SIGTERM, and SIGKILL after grace_ms; 0: none */
  int64_t grace_ms;       /* 0: two seconds */
  uint64_t capture_bytes; /* kept of each stream, half of it head and half tail; 0: 128 KiB */
  jp_sink out;            /* gets standard output while the program runs; `write` may be NULL */
  jp_sink err_out;        /* the same for standard error */
} jp_process_spec;

typedef struct jp_process_result {
  uint32_t size;
  int32_t exit_code;  /* 0 to 255; -1 when a signal ended it */
  int32_t signal;     /* the signal that ended it, or 0 */
  uint32_t timed_out; /* 1: the deadline passed */
  uint32_t killed;    /* processes it had started that were still running, and were killed */
  uint32_t left;      /* processes that the kernel does not end, such as those stuck in a read */
  uint64_t out_bytes; /* written in total, kept or not */
  uint64_t err_bytes;
  int64_t elapsed_ms;
  int32_t left_pid; /* one of those that are left, or 0 */
  uint32_t reserved;
} jp_process_result;

typedef struct jp_process {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* Runs a program to its end; nothing that it started is left. Once jp_self.cancelled was asked,
   * SIGINT and SIGTERM ask the program to end, as `kill` does. JP_OK whatever its exit code, which
   * is in `result`; JP_NOT_FOUND or JP_DENIED when it could not be started. Where a stream was
   * longer than capture_bytes, the line "[... N bytes left out ...]" stands in the middle. */
  int32_t (*run)(void* self, const jp_process_spec* spec, jp_process_result* result, jp_sink out,
                 jp_sink err_out, jp_error* err);

  /* Any number of programs at once, from any number of threads. A process is used by one thread at a time, which also gets what
   * is written to the sinks of its specification. */

  /* Starts a program and returns at once; `process` is then given to `release`. That the program
   * cannot be started may show only in the result. JP_UNAVAILABLE when no process can be created. */
  int32_t (*start)(void* self, const jp_process_spec* spec, void** process, jp_error* err);
  /* A descriptor that is readable when `result` has something to do; the service closes it. */
  int32_t (*poll)(void* self, void* process);
  /* Reads what the program has written, and never waits: JP_UNAVAILABLE while it runs. When it has
   * ended, as `run`. */
  int32_t (*result)(void* self, void* process, jp_process_result* result, jp_sink out,
                    jp_sink err_out, jp_error* err);
  /* Ends it before its deadline: SIGTERM now, SIGKILL after grace_ms. */
  void (*kill)(void* self, void* process);
  /* Kills what still runs at once, and ends the use of `process`. */
  void (*release)(void* self, void* process);
} jp_process;
