// Runs one script, with its output in a file.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <jetpack/process.hpp>
#include "support/files.hpp"

namespace jetpack::converge {

// What a script writes, byte by byte, in a file of logs/: it is there while the script runs, and
// what it leaves running can go on to write to it.
class OutputFile {
 public:
  // `name` is relative to `logs`, which others can write to: no link is followed. Replaces a file of
  // an earlier run.
  OutputFile(const std::string& logs, const std::string& name);

  const std::string& path() const { return path_; }
  int descriptor() const { return file_.get(); }
  // What was written since the last call, up to 64 KiB.
  std::string read_more();
  // The last lines, without those that are not complete at their beginning, and without secrets.
  std::string tail() const;

 private:
  std::string path_;
  support::Fd file_;
  off_t read_ = 0;
};

struct Task {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string directory;
};

// Called every 200 ms while the script runs, and once when it has been started.
using Tick = std::function<void(std::chrono::milliseconds elapsed)>;

struct Ran {
  int code = 0;  // as Python has it: -15 when signal 15 has ended it
  std::chrono::milliseconds elapsed{0};
};

// What it leaves running is left alone. Throws when it cannot be started.
Ran run_task(const Process& process, const Task& task, const OutputFile& output, const Tick& tick);

}  // namespace jetpack::converge
