// The process that stands between us and a script, so that everything the script starts can be
// found and killed: also what leaves its session or forks twice.
//
// The keeper is a child subreaper: whatever the script leaves behind becomes the keeper's child. It
// therefore kills by walking its own descendants, which it has not yet reaped, so that no process
// identifier can have been given to somebody else.
#include "services/process/keeper.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <jetpack/error.hpp>

namespace jetpack {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Pairs of process and parent, as /proc has them now.
std::vector<std::pair<pid_t, pid_t>> process_parents() {
  std::vector<std::pair<pid_t, pid_t>> pairs;
  const support::Directory dir(::opendir("/proc"));
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid <= 0) continue;
    char text[512];
    const support::Fd fd(
        ::open(("/proc/" + std::string(entry->d_name) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t size = fd ? ::read(fd.get(), text, sizeof text - 1) : -1;
    if (size <= 0) continue;
    text[size] = '\0';
    // The name is in parentheses and may hold anything; the fields follow the last one.
    const char* fields = std::string_view(text).rfind(')') == std::string_view::npos
                             ? nullptr
                             : text + std::string_view(text).rfind(')');
    int parent = 0;
    if (fields != nullptr && std::sscanf(fields, ") %*c %d", &parent) == 1)
      pairs.emplace_back(pid, parent);
  }
  return pairs;
}

std::vector<pid_t> descendants() {
  const auto pairs = process_parents();
  std::vector<pid_t> found{::getpid()};
  for (size_t i = 0; i < found.size(); ++i)
    for (const auto& [pid, parent] : pairs)
      if (parent == found[i]) found.push_back(pid);
  found.erase(found.begin());
  return found;
}

class KeeperProcess {
 public:
  KeeperProcess(const KeeperTask& task, int lifeline) : task_(task), lifeline_(lifeline) {}

  KeeperReport run(const support::Fd& in, const support::Fd& out, const support::Fd& err) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &children, nullptr);
    const support::Fd signals(::signalfd(-1, &children, SFD_CLOEXEC));
    const Pipe failure = make_pipe();
    script_ = ::fork();
    if (script_ == 0) exec_script(in, out, err, failure.write.get());
    if (script_ < 0) {
      report_.start_error = errno;
      return report_;
    }
    const_cast<support::Fd&>(failure.write).close();
    int error = 0;
    if (::read(failure.read.get(), &error, sizeof error) == sizeof error) {
      report_.start_error = error;
      return report_;
    }
    supervise(signals.get());
    kill_the_rest();
    return report_;
  }

 private:
  [[noreturn]] void exec_script(const support::Fd& in, const support::Fd& out,
                                const support::Fd& err, int failure) {
    ::setsid();
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ, SIGCHLD})
      ::signal(signal, SIG_DFL);
    ::dup2(in.get(), STDIN_FILENO);
    ::dup2(out.get(), STDOUT_FILENO);
    ::dup2(err.get(), STDERR_FILENO);
    std::vector<char*> argv, env;
    for (const auto& text : task_.argv) argv.push_back(const_cast<char*>(text.c_str()));
    for (const auto& text : task_.env) env.push_back(const_cast<char*>(text.c_str()));
    argv.push_back(nullptr);
    env.push_back(nullptr);
    if (task_.directory.empty() || ::chdir(task_.directory.c_str()) == 0)
      ::execvpe(argv[0], argv.data(), env.data());
    const int error = errno;
    [[maybe_unused]] const auto written = ::write(failure, &error, sizeof error);
    ::_exit(127);
  }

  // Waits for the script, its deadline, or our parent's end.
  void supervise(int signals) {
    const auto start = Clock::now();
    const auto deadline =
        task_.deadline_ms > 0 ? start + milliseconds(task_.deadline_ms) : Clock::time_point::max();
    const auto last =
        task_.deadline_ms > 0 ? deadline + milliseconds(task_.grace_ms) : Clock::time_point::max();
    while (!script_ended()) {
      const auto now = Clock::now();
      if (now >= last) return;
      if (now >= deadline && report_.timed_out == 0) {
        report_.timed_out = 1;
        ::kill(-script_, SIGTERM);
      }
      const auto next = report_.timed_out != 0 ? last : deadline;
      const bool forever = next == Clock::time_point::max();
      const auto left = forever ? milliseconds(-1) : std::chrono::ceil<milliseconds>(next - now);
      pollfd events[] = {{signals, POLLIN, 0}, {lifeline_, POLLIN, 0}};
      ::poll(events, 2, static_cast<int>(std::min<int64_t>(left.count(), 3'600'000)));
      if (events[1].revents != 0) return;
      if (events[0].revents != 0) {
        signalfd_siginfo info;
        [[maybe_unused]] const auto got = ::read(signals, &info, sizeof info);
      }
    }
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
    // uninterruptible sleep) must not keep us for ever.
    for (int round = 0; round < 200; ++round) {
      script_ended();
      const auto rest = descendants();
      if (rest.empty()) return;
      for (const pid_t pid : rest) ::kill(pid, SIGSTOP);
      const auto all = descendants();
      for (const pid_t pid : all) ::kill(pid, SIGKILL);
      if (round == 0) report_.killed = static_cast<uint32_t>(all.size() - (ended_ ? 0 : 1));
      ::poll(nullptr, 0, 5);
    }
    script_ended();
  }

  const KeeperTask& task_;
  int lifeline_;
  pid_t script_ = -1;
  bool ended_ = false;
  KeeperReport report_;
};

}  // namespace

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw Error(Errc::unavailable, "cannot make a pipe: " + support::system_message(errno));
  return {support::Fd(ends[0]), support::Fd(ends[1])};
}

Keeper start_keeper(const KeeperTask& task, const support::Fd& in, const support::Fd& out,
                    const support::Fd& err) {
  Pipe lifeline = make_pipe();
  Pipe report = make_pipe();
  const pid_t pid = ::fork();
  if (pid < 0)
    throw Error(Errc::unavailable, "cannot start a process: " + support::system_message(errno));
  if (pid == 0) {
    lifeline.write.close();
    report.read.close();
    // What comes from the terminal is for our parent to act on.
    for (const int signal : {SIGINT, SIGQUIT, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
    ::signal(SIGCHLD, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    KeeperReport result;
    try {
      result = KeeperProcess(task, lifeline.read.get()).run(in, out, err);
    } catch (...) {
      result.start_error = EAGAIN;
    }
    [[maybe_unused]] const auto written = ::write(report.write.get(), &result, sizeof result);
    ::_exit(0);
  }
  Keeper keeper;
  keeper.pid = pid;
  keeper.lifeline = std::move(lifeline.write);
  keeper.report = std::move(report.read);
  return keeper;
}

}  // namespace jetpack
