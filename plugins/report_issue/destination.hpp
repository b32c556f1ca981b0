// Where a report goes: a file of this node, or a blob in its locker.
#pragma once

#include <cstdint>
#include <string>

#include <jetpack/storage.hpp>
#include "archive.hpp"
#include "support/files.hpp"

namespace jetpack::report_issue {

// A file that appears under its name when it is whole. Nobody but its owner may read it.
class LocalFile {
 public:
  // `output` is a file, or a folder in which a file `name` is made; when empty, that is a new
  // folder /tmp/tmpXXXXXXXX, as Python makes them.
  LocalFile(const std::string& output, const std::string& name);
  ~LocalFile();
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }
  // Writes all of the archive. Throws Errc::unavailable when the disk is full.
  void write(Archive& archive);

 private:
  std::string own_folder_;
  std::string path_;
  std::string draft_;
  support::Fd fd_;
};

// The blob's address, without a signature.
std::string address_of(const jetpack::Storage& storage, const std::string& blob);

}  // namespace jetpack::report_issue
