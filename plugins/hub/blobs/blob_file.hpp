// The format of a blob's file: its content, then its properties.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/files.hpp"

namespace jetpack::hub {

// The properties of a blob beside its content. `headers` are returned to readers as they were
// sent: content-type, content-md5, x-ms-meta-NAME and the like, in lower case.
struct BlobProperties {
  uint64_t bytes = 0;
  std::string etag;      // with its quotes
  int64_t modified = 0;  // Unix seconds
  std::vector<std::pair<std::string, std::string>> headers;

  // The header's value, or "".
  std::string header(std::string_view name) const;
};

struct OpenBlob {
  support::Fd file;
  BlobProperties properties;
};

// The end of a blob's file. Throws a BlobError when the headers are too large.
std::string blob_footer(const BlobProperties& properties);

// nullopt when there is no such file. Throws Errc::corrupt when it is not a valid blob file.
std::optional<OpenBlob> open_blob_file(const std::filesystem::path& path);

// Throws DiskFull when it is that, else Errc::failed.
[[noreturn]] void fail_on_blob(const std::string& doing, const std::filesystem::path& path,
                               int error);

}  // namespace jetpack::hub
