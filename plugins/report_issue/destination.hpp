// The destinations of a report: a local file, or a blob in the locker.
#pragma once

#include <cstdint>
#include <string>

#include <jetpack/storage.hpp>
#include "archive.hpp"
#include "support/files.hpp"

namespace jetpack::report_issue {

// A file that appears under its name when it is complete. Only its owner can read it.
class LocalFile {
 public:
  // `output` is a file, "-" for standard output, or a directory in which the file `name` is created.
  // When it is empty, the
  // directory is a new one, /tmp/tmpXXXXXXXX as Python's tempfile names them.
  LocalFile(const std::string& output, const std::string& name);
  ~LocalFile();
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }
  // Writes the whole archive. Throws Errc::unavailable when the disk is full.
  void write(Archive& archive);

 private:
  std::string own_directory_;
  std::string path_;
  std::string draft_;
  support::Fd fd_;
};

// The blob's address, without a signature.
std::string address_of(const jetpack::Storage& storage, const std::string& blob);

}  // namespace jetpack::report_issue
