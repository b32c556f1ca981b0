// The parent of a plugin's process: passes signals and stderr on, keeps the limits that the kernel
// does not keep, and leaves nothing behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/fork_counter.hpp"
#include "loader/isolation.hpp"
#include "support/files.hpp"

namespace jetpack {

// Written by the child, in memory that it shares with the monitor.
struct ReturnRecord {
  volatile int listener;  // where the kernel asks before each fork; 0: it does not
  volatile bool has_returned;
  volatile int code;
};

// While it lives, no signal but those of the terminal that stop a process has an effect on us: what
// is to be passed on is read from a descriptor.
class MonitorSignals {
 public:
  MonitorSignals();
  MonitorSignals(const MonitorSignals&) = delete;
  MonitorSignals& operator=(const MonitorSignals&) = delete;
  ~MonitorSignals();
  // For the child.
  void restore() const;
  int descriptor() const { return fd_.get(); }

 private:
  sigset_t before_{};
  support::Fd fd_;
};

// The processes below us that were not there before the plugin.
class MonitoredTree {
 public:
  // Makes us the parent of what loses its own.
  MonitoredTree();
  std::vector<pid_t> processes() const;

 private:
  std::vector<pid_t> others_;  // children that we had before
};

class Monitor {
 public:
  struct Child {
    pid_t pid;
    support::Fd errors;  // what it writes to stderr; may be invalid
    support::Fd desk;    // of a ForkCounter; may be invalid
  };

  Monitor(const Isolation& isolation, const ReturnRecord& record, const MonitorSignals& signals,
          const MonitoredTree& tree, Child child);

  // Until the child has ended, and all that it started.
  Ending watch();

 private:
  using Clock = std::chrono::steady_clock;

  void wait_for_events();
  int milliseconds_left();
  bool counts_itself();
  void pass_signal_on();
  void reap();
  void keep_limits();
  void read_errors();
  void write_errors();
  void end_the_rest();
  void drain_errors();
  Ending ending() const;
  std::string fault_of_signal(int signal) const;

  const Isolation& isolation_;
  const ReturnRecord& record_;
  const MonitorSignals& signals_;
  const MonitoredTree& tree_;
  Child child_;
  std::optional<ForkCounter> forks_;
  bool is_asked_ = false;
  std::optional<Clock::time_point> deadline_;
  bool is_asked_to_end_ = false;
  std::string limit_;  // the one that was exceeded, for the message
  bool has_ended_ = false;
  int status_ = 0;
  std::chrono::milliseconds cpu_{0};
  std::string unwritten_;
  std::string last_words_;
};

}  // namespace jetpack
