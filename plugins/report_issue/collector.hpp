// Finds the files of a report: below folders, without following links or opening devices.
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

// What is not in the report, and why.
struct LeftOut {
  std::string path;
  std::string why;
};

struct Selection {
  std::vector<std::string> paths;    // files and folders
  std::optional<std::time_t> since;  // only files that changed at this time or later
  size_t most_files = 250'000;
};

class Collector {
 public:
  using Take = std::function<void(Found)>;
  using Skip = std::function<void(LeftOut)>;

  Collector(Selection selection, Take take, Skip skip)
      : selection_(std::move(selection)), take_(std::move(take)), skip_(std::move(skip)) {}

  // Visits all files, in the order of their names. What vanishes meanwhile, cannot be opened, or is
  // no regular file is told to `skip`. Throws what `take` throws.
  void run();

 private:
  void visit(int folder, const std::string& name, const std::string& path, int depth);
  void visit_folder(int folder, const std::string& path, int depth);
  void visit_file(int entry, const std::string& path);

  Selection selection_;
  Take take_;
  Skip skip_;
  size_t files_ = 0;
};

// The paths, absolute and without links, none below another one; each must exist. Throws
// Errc::not_found.
std::vector<std::string> distinct_paths(const std::vector<std::string>& paths);

}  // namespace jetpack::report_issue
