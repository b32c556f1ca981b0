// Runs a plugin in a child process, with limits, so that its end is reported and is not ours.
#include "loader/isolation.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <vector>

#include <jetpack/error.hpp>
#include "loader/bare_calls.hpp"
#include "loader/call_filter.hpp"
#include "loader/fork_counter.hpp"
#include "loader/monitor.hpp"
#include "support/files.hpp"
#include "support/shared_memory.hpp"

namespace jetpack {

namespace {

constexpr int refused = 126;

[[noreturn]] void fail_to_start() {
  throw Error(Errc::unavailable,
              "cannot start a process for the plugin: " + support::system_message(errno));
}

// Two connected descriptors, closed on exec.
struct Ends {
  support::Fd ours;
  support::Fd theirs;
};

Ends make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_to_start();
  return {support::Fd(ends[0]), support::Fd(ends[1])};
}

// Whether what the plugin writes to stderr goes through us. A terminal must stay one; and what goes
// to the same place as stdout must stay in order with it.
bool keeps_last_words() {
  struct stat out {
  }, err{};
  if (::isatty(STDERR_FILENO) != 0 || ::fstat(STDERR_FILENO, &err) != 0) return false;
  return ::fstat(STDOUT_FILENO, &out) != 0 || out.st_dev != err.st_dev || out.st_ino != err.st_ino;
}

class Isolated {
 public:
  explicit Isolated(const Isolation& isolation)
      : isolation_(isolation),
        counts_forks_(isolation.granted && isolation.limits.processes &&
                      *isolation.limits.processes != Limits::unlimited && can_count_forks()),
        record_(support::shared_with_children<ReturnRecord>()) {
    if (isolation.granted) filter_ = call_filter(*isolation.granted, parent_, counts_forks_);
  }

  Ending run(const std::function<int()>& body) {
    if (keeps_last_words()) errors_ = make_pipe();
    if (counts_forks_) desk_ = ForkCounter::make_desk();
    ::signal(SIGCHLD, SIG_DFL);
    const MonitorSignals signals;
    const MonitoredTree tree;
    const pid_t child = counts_forks_ ? fork_with_our_descriptors() : ::fork();
    if (child < 0) fail_to_start();
    if (child == 0) run_child(signals, body);
    // Our end of stderr's pipe stays open: that the child closes it at its end need not wake us.
    Monitor monitor(isolation_, record_, signals, tree,
                    {child, std::move(errors_.ours), std::move(desk_)});
    return monitor.watch();
  }

 private:
  [[noreturn]] void run_child(const MonitorSignals& signals, const std::function<int()>& body) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent_) ::_exit(128 + SIGKILL);
    confine();
    if (errors_.theirs) ::dup2(errors_.theirs.get(), STDERR_FILENO);
    errors_ = {};
    desk_.close();
    signals.restore();
    const int code = body();
    record_.code = code;
    record_.has_returned = true;
    // Not _exit: what the plugin registered for the end must run, once.
    std::exit(code);
  }

  void confine() {
    try {
      isolation_.limits.apply();
      if (!isolation_.granted) return;
      const auto listener = deny_calls(filter_, counts_forks_);
      // Our monitor counts itself, and the one above is asked all the same.
      if (!listener) deny_calls(call_filter(*isolation_.granted, parent_, false), false);
      if (counts_forks_) hand_over(listener);
    } catch (const std::exception& error) {
      const std::string line =
          "jetpack: plugin " + isolation_.name + " was refused: " + error.what() + '\n';
      support::write_all(STDERR_FILENO, line);
      record_.has_returned = true;
      ::_exit(refused);
    }
  }

  void hand_over(const std::optional<support::Fd>& listener) {
    if (listener) ForkCounter::add_listener(desk_, *listener);
    record_.listener = listener ? listener->get() : 0;
    take_own_descriptors();
  }

  const Isolation& isolation_;
  pid_t parent_ = ::getpid();
  bool counts_forks_;
  ReturnRecord& record_;
  // Made before the child is, which pays for each page that it is the first to touch.
  std::vector<sock_filter> filter_;
  Ends errors_;
  support::Fd desk_;  // where the kernel asks before each fork
};

}  // namespace

Ending run_isolated(const Isolation& isolation, const std::function<int()>& body) {
  return Isolated(isolation).run(body);
}

}  // namespace jetpack
