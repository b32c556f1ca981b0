// A script from its start to its result.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "services/process/capture.hpp"
#include "services/process/supervisor.hpp"

namespace jetpack {

// For one thread at a time.
class Running {
 public:
  // Receives output as it is read.
  using Stream = std::function<void(std::string_view)>;

  // Starts the task. Throws Errc::unavailable. That the program itself could not be started is
  // known from the result.
  Running(Task task, std::string_view input, size_t capture_bytes, Stream out, Stream err);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  // Kills what still runs.
  ~Running();

  // Readable when advance() has something to do.
  int descriptor() const { return events_.get(); }

  // Reads what there is to read; never waits. True when the script has ended and all its output has
  // been read.
  bool advance();

  // Asks the script to end, and kills it after the grace period.
  void end();

  // Of a script that has ended. Throws when it could not be started.
  const Report& report() const;
  const Capture& out() const { return out_.capture; }
  const Capture& err() const { return err_.capture; }
  std::chrono::milliseconds elapsed() const { return elapsed_; }

 private:
  struct Output {
    support::Fd fd;
    Capture capture;
    Stream stream;
  };

  void watch(const support::Fd& fd);
  void read_report();
  static bool read(Output& output);

  Task task_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::milliseconds elapsed_{0};
  Output out_;
  Output err_;
  Supervisor supervisor_;
  support::Fd events_;
  std::optional<Report> report_;
};

}  // namespace jetpack
