// Random bytes and ids, from the kernel.
#include "support/random.hpp"

#include <sys/random.h>

#include <cerrno>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/files.hpp"

namespace jetpack::support {

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  for (size_t filled = 0; filled < count;) {
    const ssize_t got = ::getrandom(bytes.data() + filled, count - filled, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(Errc::failed, "cannot get random bytes: " + system_message(errno));
    filled += static_cast<size_t>(got);
  }
  return bytes;
}

std::string random_uuid() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3F) | 0x80);
  std::string uuid = hex(bytes);
  for (const size_t at : {8u, 13u, 18u, 23u}) uuid.insert(at, 1, '-');
  return uuid;
}

}  // namespace jetpack::support
