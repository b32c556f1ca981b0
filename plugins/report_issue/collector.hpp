// Finds the files of a report below directories, without following links or opening devices.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/files.hpp"

namespace jetpack::report_issue {

// A regular file, opened for reading.
struct Found {
  std::string path;
  support::Fd fd;
  uint64_t bytes = 0;  // when it was opened
  std::time_t modified = 0;
  uint64_t device = 0, inode = 0;
};

// A path that is not in the report, and why.
struct LeftOut {
  std::string path;
  std::string why;
};

struct Selection {
  std::vector<std::string> paths;    // files and directories
  std::optional<std::time_t> since;  // only files modified at this time or later
  size_t max_files = 250'000;
};

class Collector {
 public:
  using Add = std::function<void(Found)>;
  using Skip = std::function<void(LeftOut)>;

  Collector(Selection selection, Add add, Skip skip)
      : selection_(std::move(selection)), add_(std::move(add)), skip_(std::move(skip)) {}

  // Visits all files, sorted by name. Calls `skip` for anything that vanishes meanwhile, cannot be
  // opened or is not a regular file. Throws what `add` throws.
  void run();

 private:
  void visit(int directory, const std::string& name, const std::string& path, int depth);
  void visit_directory(int directory, const std::string& path, int depth);
  void visit_file(int entry, const std::string& path);

  Selection selection_;
  Add add_;
  Skip skip_;
  size_t files_ = 0;
};

// The paths, absolute and with links resolved, without those below another one. Throws
// Errc::not_found when one does not exist.
std::vector<std::string> distinct_paths(const std::vector<std::string>& paths);

}  // namespace jetpack::report_issue
