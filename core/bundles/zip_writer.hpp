// Writes a bundle's zip file: the same bytes for the same content.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bundles/content.hpp"

namespace jetpack::bundles {

// What ZipReader accepts. Times are 1980-01-01, modes 0644 or 0755.
class ZipWriter {
 public:
  // Writes to a new, seekable file, which must stay open.
  explicit ZipWriter(int fd) : fd_(fd) {}

  // Adds a file whose bytes `produce` passes to the sink that it is given. Throws Error when it
  // cannot be written, or is 4 GiB or larger.
  void add(std::string_view path, bool is_executable,
           const std::function<void(const Sink& sink)>& produce);
  // Writes the directory. Call it once, at the end.
  void finish();

 private:
  struct Written {
    std::string path;
    uint64_t offset = 0;
    uint64_t compressed = 0;
    uint64_t size = 0;
    uint32_t crc = 0;
    bool is_executable = false;
  };

  void write(std::string_view bytes);
  void write_at(uint64_t offset, std::string_view bytes) const;

  int fd_;
  uint64_t offset_ = 0;
  std::vector<Written> written_;
};

}  // namespace jetpack::bundles
