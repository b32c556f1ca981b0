// Files that others may rewrite in place while they are read here, as Chef does with node.json.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <string>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::support {

// One file, read until what was read is whole.
class Rewritten {
 public:
  explicit Rewritten(std::string path) : path_(std::move(path)) {}

  // Opens it, for the next attempt. An invalid Fd when there is no such file. Throws Errc::denied
  // or failed, and Errc::corrupt when it is not a regular file.
  const Fd& open();

  // Whether to read again, after a pause: when the file was changed while it was read, and when it
  // `is_broken` or empty and so young that somebody may be writing it. False once it has stayed the
  // same for 50 ms, and after a second.
  bool is_worth_another(bool is_broken);

 private:
  std::string path_;
  Fd fd_;
  struct stat before_ {};
  std::chrono::milliseconds waited_{0};     // in all
  std::chrono::milliseconds unchanged_{0};  // since it was last seen to change
  std::chrono::milliseconds pause_{1};
};

// What `read(fd)` makes of the file; nullopt when there is none. `read` throws Errc::corrupt for
// content that is broken.
template <class Read>
auto read_settled(const std::string& path, Read read) -> std::optional<decltype(read(0))> {
  for (Rewritten file(path);;) {
    const Fd& fd = file.open();
    if (!fd) return std::nullopt;
    try {
      auto content = read(fd.get());
      if (!file.is_worth_another(false)) return content;
    } catch (const Error& e) {
      if (e.code() != Errc::corrupt || !file.is_worth_another(true)) throw;
    }
  }
}

}  // namespace jetpack::support
