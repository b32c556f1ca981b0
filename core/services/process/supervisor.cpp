// Supervises a script from a process of its own, so that everything the script starts can be found
// and killed: also what leaves its session or forks twice.
//
// The supervisor is a child subreaper: what the script leaves behind becomes its child. It kills by
// walking its own descendants, which it has not reaped yet, so that no process identifier can have
// been given to another process; and by cgroup.kill where it may create a control group.
#include "services/process/supervisor.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>

#include <jetpack/error.hpp>
#include "services/process/control_group.hpp"
#include "services/process/descendants.hpp"

namespace jetpack {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Without close_range(2), which is newer than Linux 5.9, those that /proc or the limit names.
void close_between(int first, int last) {
  if (::syscall(__NR_close_range, static_cast<unsigned>(first), static_cast<unsigned>(last), 0) ==
      0)
    return;
  std::vector<int> open;
  const support::Directory directory(::opendir("/proc/self/fd"));
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr)
    open.push_back(static_cast<int>(std::strtol(entry->d_name, nullptr, 10)));
  if (!directory)
    for (int fd = first; fd < ::sysconf(_SC_OPEN_MAX); ++fd) open.push_back(fd);
  for (const int fd : open)
    if (fd >= first && fd <= last && (!directory || fd != ::dirfd(directory.get()))) ::close(fd);
}

// Closes every descriptor from 3 on but these.
void close_all_but(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  int next = STDERR_FILENO + 1;
  kept.push_back(std::numeric_limits<int>::max());
  for (const int end : kept) {
    if (end < next) continue;
    if (end > next) close_between(next, end - 1);
    next = end == kept.back() ? end : end + 1;
  }
}

class SupervisorProcess {
 public:
  SupervisorProcess(const Task& task, int lifeline) : task_(task), lifeline_(lifeline) {}

  Report run(const support::Fd& in, const support::Fd& out, const support::Fd& err) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!task_.leaves_daemons) group_.emplace();
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &children, nullptr);
    const support::Fd signals(::signalfd(-1, &children, SFD_CLOEXEC));
    std::vector<char*> argv = pointers(task_.argv);
    // The program is searched in the PATH that it will have. It stays ours, too.
    env_ = pointers(task_.env);
    ::environ = env_.data();
    // It shares our memory until it is another program: nothing is copied, and its error is ours.
    script_ = ::vfork();  // NOLINT: nobody else needs us meanwhile
    if (script_ == 0) exec_script(in, out, err, argv.data());
    report_.start_error = script_ < 0 ? errno : exec_error_;
    if (report_.start_error != 0) return report_;
    supervise(signals.get());
    if (!task_.leaves_daemons || !ended_ || report_.timed_out != 0) kill_the_rest();
    return report_;
  }

 private:
  // With a null pointer behind the last.
  static std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }

  [[noreturn]] void exec_script(const support::Fd& in, const support::Fd& out,
                                const support::Fd& err, char* const* argv) {
    // A script without its supervisor would have no deadline.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setsid();
    if (group_) group_->enter();
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ, SIGCHLD})
      ::signal(signal, SIG_DFL);
    ::dup2(in.get(), STDIN_FILENO);
    ::dup2(out.get(), STDOUT_FILENO);
    ::dup2(err.get(), STDERR_FILENO);
    if (task_.directory.empty() || ::chdir(task_.directory.c_str()) == 0)
      ::execvpe(argv[0], argv, ::environ);
    exec_error_ = errno;
    ::_exit(127);
  }

  // Waits for the script, its deadline, or our parent's end.
  void supervise(int signals) {
    constexpr auto never = Clock::time_point::max();
    auto next = task_.deadline_ms > 0 ? Clock::now() + milliseconds(task_.deadline_ms) : never;
    bool is_asked_to_end = false;
    while (!script_ended()) {
      const auto now = Clock::now();
      if (now >= next && is_asked_to_end) return;
      if (now >= next) {
        report_.timed_out = 1;
        next = ask_to_end();
        is_asked_to_end = true;
      }
      const auto left =
          next == never ? milliseconds(-1) : std::chrono::ceil<milliseconds>(next - now);
      pollfd events[] = {{signals, POLLIN, 0}, {lifeline_, POLLIN, 0}};
      ::poll(events, 2, static_cast<int>(std::min<int64_t>(left.count(), 3'600'000)));
      if (events[1].revents != 0) {
        char request = 0;
        if (::read(lifeline_, &request, 1) != 1) return;
        if (!is_asked_to_end) next = ask_to_end();
        is_asked_to_end = true;
      }
      if (events[0].revents != 0) {
        signalfd_siginfo info;
        [[maybe_unused]] const auto got = ::read(signals, &info, sizeof info);
      }
    }
  }

  // Returns when to kill the script that does not end. A stopped one goes on, to be able to.
  Clock::time_point ask_to_end() {
    ::kill(-script_, SIGTERM);
    ::kill(-script_, SIGCONT);
    return Clock::now() + milliseconds(task_.grace_ms);
  }

  // Reaps what has ended; true once the script has.
  bool script_ended() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != script_) continue;
      ended_ = true;
      if (WIFEXITED(status)) report_.exit_code = WEXITSTATUS(status);
      if (WIFSIGNALED(status)) report_.signal = WTERMSIG(status);
    }
    return ended_;
  }

  // Stops all descendants first, so that none can fork while the others are killed.
  void kill_the_rest() {
    // Each round finds what an earlier one missed; a process that cannot be killed (in
    // uninterruptible sleep) must not keep us forever.
    constexpr int most_rounds = 200;
    std::vector<pid_t> rest;
    for (int round = 0; round < most_rounds; ++round) {
      script_ended();
      rest = descendants();
      if (rest.empty()) return;
      for (const pid_t pid : rest) ::kill(pid, SIGSTOP);
      rest = descendants();
      if (group_) group_->kill();
      for (const pid_t pid : rest) ::kill(pid, SIGKILL);
      if (round == 0) report_.killed = static_cast<uint32_t>(rest.size() - (ended_ ? 0 : 1));
      ::poll(nullptr, 0, 5);
    }
    script_ended();
    rest = descendants();
    report_.left = static_cast<uint32_t>(rest.size());
    if (!rest.empty()) report_.left_pid = rest.front();
  }

  const Task& task_;
  int lifeline_;
  std::vector<char*> env_;
  std::optional<ControlGroup> group_;  // not around daemons that go on
  pid_t script_ = -1;
  volatile int exec_error_ = 0;  // written by the script's process
  bool ended_ = false;
  Report report_;
};

}  // namespace

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw Error(Errc::unavailable, "cannot make a pipe: " + support::system_message(errno));
  return {support::Fd(ends[0]), support::Fd(ends[1])};
}

Supervisor start_supervisor(const Task& task, const support::Fd& in, const support::Fd& out,
                            const support::Fd& err) {
  Pipe lifeline = make_pipe();
  Pipe report = make_pipe();
  if (!task.leaves_daemons) ControlGroup::prepare();
  const pid_t pid = ::fork();
  if (pid < 0)
    throw Error(Errc::unavailable, "cannot start a process: " + support::system_message(errno));
  if (pid == 0) {
    // What comes from the terminal is for our parent to act on.
    for (const int signal : {SIGINT, SIGQUIT, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
    ::signal(SIGCHLD, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    // Those of other scripts, too: their ends must be seen where they are waited for.
    close_all_but({in.get(), out.get(), err.get(), lifeline.read.get(), report.write.get()});
    Report result;
    try {
      SupervisorProcess supervisor(task, lifeline.read.get());
      result = supervisor.run(in, out, err);
      ::environ = nullptr;  // it is gone with the supervisor
    } catch (...) {
      result.start_error = EAGAIN;
    }
    [[maybe_unused]] const auto written = ::write(report.write.get(), &result, sizeof result);
    ::_exit(0);
  }
  Supervisor supervisor;
  supervisor.pid = pid;
  supervisor.lifeline = std::move(lifeline.write);
  supervisor.report = std::move(report.read);
  return supervisor;
}

}  // namespace jetpack
