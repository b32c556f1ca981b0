// What the last sync of a directory left there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "services/storage/blob_xml.hpp"

namespace jetpack::storage {

struct SyncedFile {
  std::string tag;       // the blob's ETag
  uint64_t bytes = 0;    // of the file
  int64_t modified = 0;  // its mtime in nanoseconds
  std::string md5;       // hex; empty: unknown

  bool operator==(const SyncedFile&) const = default;
};

struct Manifest {
  std::string source;  // the locker and the prefix
  std::string boot;  // when the files were written: after a crash of the machine, they may be lost
  uint64_t directory = 0;                   // the inode of the tree that it describes
  std::map<std::string, SyncedFile> files;  // by their name below the directory

  bool operator==(const Manifest&) const = default;
};

// What tells two contents of a blob apart; empty: nothing does.
std::string tag_of(const BlobInfo& blob);

// An empty one when there is none. One that cannot be read, or that others could have written, is
// moved aside, and `warn` is called with the reason.
Manifest read_manifest(const std::string& path,
                       const std::function<void(const std::string&)>& warn);
// Throws as support::write_durably does.
void write_manifest(const std::string& path, const Manifest& manifest);

}  // namespace jetpack::storage
