/* What crosses the boundary between jetpack and plugins: text, streams, errors. [any-thread]
 * Part of jetpack/abi.h; include that. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define JP_ABI_MAJOR 1
#define JP_ABI_MINOR 0

/* True when `table` reaches as far as `member`. */
#define JP_HAS(table, member) \
  (offsetof(__typeof__(*(table)), member) + sizeof((table)->member) <= (table)->size)

/* Borrowed text. `data` may be NULL when `size` is 0. */
typedef struct jp_str {
  const char* data;
  size_t size; /* bytes */
} jp_str;

/* Takes a result in one or more pieces. A non-zero return stops the callee, which then fails. */
typedef struct jp_sink {
  void* ctx;
  int32_t (*write)(void* ctx, const char* data, size_t size);
} jp_sink;

/* Gives content in pieces: writes at most `capacity` bytes to `buffer` and returns how many; 0 at
 * the end, -1 when reading failed. */
typedef struct jp_source {
  void* ctx;
  int64_t (*read)(void* ctx, char* buffer, size_t capacity);
} jp_source;

typedef enum jp_status {
  JP_OK = 0,
  JP_FAILED = 1,      /* the operation failed */
  JP_USAGE = 2,       /* the command line is wrong; jetpack exits with 2 */
  JP_NOT_FOUND = 3,   /* the key, file, blob or command does not exist */
  JP_CORRUPT = 4,     /* data that was read cannot be understood */
  JP_DENIED = 5,      /* permission or credentials were refused */
  JP_UNAVAILABLE = 6, /* a server, lock or disk space is not available now; a retry may help */
  JP_UNSUPPORTED = 7, /* this jetpack cannot do that */
  JP_INTERNAL = 8     /* a defect: an exception reached the boundary */
} jp_status;

/* What went wrong. The first line stands alone; further lines are details. */
typedef struct jp_error {
  int32_t code;  /* a jp_status */
  uint32_t size; /* bytes of text */
  char text[1016];
} jp_error;
