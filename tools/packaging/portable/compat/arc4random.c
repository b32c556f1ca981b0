// arc4random (glibc 2.36), which std::random_device and libexpat call.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

void arc4random_buf(void* buffer, size_t size) {
  char* at = buffer;
  while (size > 0) {
    // Up to 256 bytes are never interrupted; before the kernel has gathered entropy it waits.
    const size_t piece = size < 256 ? size : 256;
    if (getrandom(at, piece, 0) != (ssize_t)piece) abort();
    at += piece;
    size -= piece;
  }
}

uint32_t arc4random(void) {
  uint32_t value = 0;
  arc4random_buf(&value, sizeof value);
  return value;
}
