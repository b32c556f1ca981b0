/* deflate_levels.c: deflates a file in pieces, each by itself, as archives do, and measures that in one
 * thread, with the library that it was built for: -DWITH_ISAL, -DWITH_LIBDEFLATE, -DWITH_ZLIB_NG or
 * -DWITH_ZLIB.
 *
 *   deflate_levels               prints "LIBRARY LEVEL" for each level
 *   deflate_levels FILE LEVEL    prints "CPU_NANOSECONDS BYTES"
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef WITH_ISAL
#include <isa-l/igzip_lib.h>
#endif
#ifdef WITH_LIBDEFLATE
#include <libdeflate.h>
#endif
#ifdef WITH_ZLIB
#include <zlib.h>
#endif
#ifdef WITH_ZLIB_NG
#include <zlib-ng.h>
#endif

enum { piece = 512 << 10, room = piece + piece / 8 + 4096 };

static unsigned char output[room];

#ifdef WITH_ISAL
static const char library[] = "ISA-L";
enum { first_level = 0, last_level = 3 };

static size_t run(const unsigned char* from, size_t size, int level) {
  static unsigned char memory[ISAL_DEF_LVL3_EXTRA_LARGE];
  struct isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  stream.level = (uint32_t)level;
  stream.level_buf = memory;
  stream.level_buf_size = sizeof memory;
  stream.flush = FULL_FLUSH;
  stream.next_in = (unsigned char*)from;
  stream.avail_in = (uint32_t)size;
  stream.next_out = output;
  stream.avail_out = room;
  return isal_deflate_stateless(&stream) == COMP_OK ? stream.total_out : 0;
}
#endif

#ifdef WITH_LIBDEFLATE
static const char library[] = "libdeflate";
enum { first_level = 1, last_level = 6 };

static size_t run(const unsigned char* from, size_t size, int level) {
  static struct libdeflate_compressor* compressor;
  if (compressor == NULL) compressor = libdeflate_alloc_compressor(level);  // one level in a run
  return libdeflate_deflate_compress(compressor, from, size, output, room);
}
#endif

#ifdef WITH_ZLIB
static const char library[] = "zlib";
enum { first_level = 1, last_level = 9 };

static size_t run(const unsigned char* from, size_t size, int level) {
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (deflateInit2(&stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
  stream.next_in = (unsigned char*)from;
  stream.avail_in = (uInt)size;
  stream.next_out = output;
  stream.avail_out = room;
  deflate(&stream, Z_FINISH);
  deflateEnd(&stream);
  return stream.total_out;
}
#endif

#ifdef WITH_ZLIB_NG
static const char library[] = "zlib-ng";
enum { first_level = 1, last_level = 6 };

static size_t run(const unsigned char* from, size_t size, int level) {
  zng_stream stream;
  memset(&stream, 0, sizeof stream);
  if (zng_deflateInit2(&stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
  stream.next_in = (unsigned char*)from;
  stream.avail_in = (uint32_t)size;
  stream.next_out = output;
  stream.avail_out = room;
  zng_deflate(&stream, Z_FINISH);
  zng_deflateEnd(&stream);
  return stream.total_out;
}
#endif

static long long cpu_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int list(void) {
  for (int level = first_level; level <= last_level; ++level) printf("%s %d\n", library, level);
  return 0;
}

static int measure(const unsigned char* content, size_t size, int level) {
  size_t bytes = 0;
  const long long start = cpu_nanoseconds();
  for (size_t at = 0; at < size; at += piece) {
    const size_t deflated = run(content + at, size - at < piece ? size - at : piece, level);
    if (deflated == 0) return 1;
    bytes += deflated;
  }
  printf("%lld %zu\n", cpu_nanoseconds() - start, bytes);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 1) return list();
  FILE* file = argc == 3 ? fopen(argv[1], "rb") : NULL;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return 2;
  const size_t size = (size_t)ftell(file);
  unsigned char* content = malloc(size);
  rewind(file);
  if (content == NULL || fread(content, 1, size, file) != size) return 2;
  fclose(file);
  const int status = measure(content, size, atoi(argv[2]));
  free(content);
  return status;
}
