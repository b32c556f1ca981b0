// Reads files that other programs may rewrite in place meanwhile, as Chef does with node.json.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <string>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::support {

// Decides whether a file must be read again because it was read half written.
class Rewritten {
 public:
  explicit Rewritten(std::string path) : path_(std::move(path)) {}

  // Opens it for the next attempt. Returns an invalid Fd when it does not exist. Throws
  // Errc::denied or failed, and Errc::corrupt when it is not a regular file.
  const Fd& open();

  // Whether to read again, after a pause: when the file changed while it was read, or when it
  // `is_broken` or empty and was changed so recently that it may still be being written. False once
  // it has not changed for 250 ms, which a writer on a busy machine may pause, and after one second
  // in all.
  bool is_worth_another(bool is_broken);

 private:
  std::string path_;
  Fd fd_;
  struct stat before_ {};
  std::chrono::milliseconds waited_{0};     // in all
  std::chrono::milliseconds unchanged_{0};  // since it was last seen to change
  std::chrono::milliseconds pause_{1};
};

// The result of `read(fd)` for the file; nullopt when it does not exist. `read` must throw
// Errc::corrupt for broken content.
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
