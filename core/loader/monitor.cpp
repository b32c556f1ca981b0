// The parent of a plugin's process: passes signals and stderr on, keeps the limits that the kernel
// does not keep, and leaves nothing behind.
#include "loader/monitor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <jetpack/error.hpp>
#include "loader/bare_calls.hpp"
#include "services/process/descendants.hpp"
#include "support/text.hpp"

namespace jetpack {

namespace {

using std::chrono::milliseconds;

constexpr int passed_on[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT, SIGCONT};
// Between the request to end and the end.
constexpr milliseconds grace{100};
// How often processes are counted where the kernel does not ask.
constexpr milliseconds between_counts{100};
constexpr size_t max_last_words = 1024;

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (const int signal : passed_on) sigaddset(&set, signal);
  return set;
}

template <class Signals>
sigset_t all_signals_but(const Signals& left_out) {
  constexpr int last = 64;
  sigset_t set;
  sigemptyset(&set);
  for (int signal = 1; signal <= last; ++signal)
    if (std::find(std::begin(left_out), std::end(left_out), signal) == std::end(left_out))
      sigaddset(&set, signal);
  return set;
}

// Of what a process dies of by itself; sigabbrev_np is newer than glibc 2.28.
std::string signal_name(int signal) {
  constexpr std::pair<int, const char*> names[] = {
      {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},
      {SIGKILL, "SIGKILL"}, {SIGSEGV, "SIGSEGV"}, {SIGSYS, "SIGSYS"},   {SIGTRAP, "SIGTRAP"},
      {SIGXCPU, "SIGXCPU"}, {SIGALRM, "SIGALRM"}, {SIGXFSZ, "SIGXFSZ"},
  };
  for (const auto& [number, name] : names)
    if (number == signal) return name;
  return "signal " + std::to_string(signal);
}

// Of its own making: the plugin's fault.
bool is_crash(int signal) {
  constexpr int crashes[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
  return std::find(std::begin(crashes), std::end(crashes), signal) != std::end(crashes);
}

std::string span(uint64_t ms) {
  constexpr uint64_t second = 1000;
  return ms % second == 0 ? std::to_string(ms / second) + " s" : std::to_string(ms) + " ms";
}

bool is_set(const std::optional<uint64_t>& limit) { return limit && *limit != Limits::unlimited; }

}  // namespace

MonitorSignals::MonitorSignals() {
  const sigset_t blocked = all_signals_but(std::array{SIGTSTP, SIGTTIN, SIGTTOU});
  ::sigprocmask(SIG_BLOCK, &blocked, &before_);
  const sigset_t watched = watched_signals();
  fd_ = support::Fd(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
}

MonitorSignals::~MonitorSignals() {
  // What the plugin sent us must not end us now; what we were to pass on may.
  const sigset_t others = all_signals_but(passed_on);
  const timespec at_once{};
  while (::sigtimedwait(&others, nullptr, &at_once) > 0) continue;
  restore();
}

void MonitorSignals::restore() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

MonitoredTree::MonitoredTree() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // A shell that became us by exec may have left children.
  others_ = descendants();
}

std::vector<pid_t> MonitoredTree::processes() const {
  auto found = descendants();
  if (others_.empty()) return found;
  auto kept = descendants_of(others_);
  kept.insert(kept.end(), others_.begin(), others_.end());
  std::erase_if(found,
                [&](pid_t pid) { return std::find(kept.begin(), kept.end(), pid) != kept.end(); });
  return found;
}

Monitor::Monitor(const Isolation& isolation, const ReturnRecord& record,
                 const MonitorSignals& signals, const MonitoredTree& tree, Child child)
    : isolation_(isolation),
      record_(record),
      signals_(signals),
      tree_(tree),
      child_(std::move(child)) {
  const Limits& limits = isolation_.limits;
  if (child_.errors) ::fcntl(child_.errors.get(), F_SETFL, O_NONBLOCK);
  if (is_set(limits.wall_ms))
    deadline_ = Clock::now() + milliseconds(std::min<uint64_t>(*limits.wall_ms, INT32_MAX));
  if (child_.desk)
    forks_.emplace(std::move(child_.desk), *limits.processes,
                   [this] { return tree_.processes().size(); });
}

// The kernel does not ask us: it cannot, or the child has not come so far yet. The plugin could have
// written the record.
bool Monitor::counts_itself() {
  if (!is_set(isolation_.limits.processes)) return false;
  is_asked_ = is_asked_ || (forks_ && ForkCounter::is_listener(record_.listener));
  return !is_asked_;
}

Ending Monitor::watch() {
  while (!has_ended_) {
    wait_for_events();
    reap();
    if (!has_ended_) keep_limits();
  }
  end_the_rest();
  drain_errors();
  return ending();
}

int Monitor::milliseconds_left() {
  auto left = milliseconds(-1);
  if (deadline_)
    left = std::max(std::chrono::ceil<milliseconds>(*deadline_ - Clock::now()), milliseconds(0));
  if (counts_itself()) left = left.count() < 0 ? between_counts : std::min(left, between_counts);
  return static_cast<int>(left.count());
}

void Monitor::wait_for_events() {
  // A negative descriptor is not waited for.
  pollfd events[] = {
      {signals_.descriptor(), POLLIN, 0},
      {unwritten_.empty() ? child_.errors.get() : -1, POLLIN, 0},
      {unwritten_.empty() ? -1 : STDERR_FILENO, POLLOUT, 0},
      {forks_ ? forks_->descriptor() : -1, POLLIN, 0},
  };
  if (::poll(events, std::size(events), milliseconds_left()) <= 0) return;
  const auto& [signal, errors, writable, question] = events;
  if (signal.revents != 0) pass_signal_on();
  if (errors.revents != 0) read_errors();
  if (writable.revents != 0) write_errors();
  if (question.revents != 0) {
    // Also of the end: then there is no listener any more.
    is_asked_ = true;
    forks_->answer();
  }
}

void Monitor::pass_signal_on() {
  signalfd_siginfo info{};
  while (::read(signals_.descriptor(), &info, sizeof info) == sizeof info) {
    // The terminal sends its signals to the child as well. It is not yet reaped, so its number is
    // its own.
    if (info.ssi_signo != SIGCHLD && info.ssi_code <= 0)
      ::kill(child_.pid, static_cast<int>(info.ssi_signo));
  }
}

// Also what the plugin's processes left to us.
void Monitor::reap() {
  int status = 0;
  rusage usage{};
  for (pid_t pid = 0; (pid = bare::wait4(-1, &status, WNOHANG, &usage)) > 0;) {
    if (pid != child_.pid) continue;
    has_ended_ = true;
    status_ = status;
    const auto ms = [](const timeval& time) {
      return std::chrono::floor<milliseconds>(std::chrono::seconds(time.tv_sec) +
                                              std::chrono::microseconds(time.tv_usec));
    };
    cpu_ = ms(usage.ru_utime) + ms(usage.ru_stime);
  }
}

void Monitor::keep_limits() {
  const Limits& limits = isolation_.limits;
  if (counts_itself() && tree_.processes().size() > *limits.processes) {
    limit_ = "started more than " + std::to_string(*limits.processes) + " processes, its limit";
    end_the_rest();
    return;
  }
  if (!deadline_ || Clock::now() < *deadline_) return;
  if (is_asked_to_end_) {
    end_the_rest();
    return;
  }
  limit_ = "did not end within " + span(*limits.wall_ms) + ", its limit";
  is_asked_to_end_ = true;
  deadline_ = Clock::now() + grace;
  ::kill(child_.pid, SIGTERM);
  ::kill(child_.pid, SIGCONT);
}

void Monitor::read_errors() {
  // So much can be written without waiting where poll says that something can be.
  std::array<char, 4096> piece;
  const ssize_t size = ::read(child_.errors.get(), piece.data(), piece.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    child_.errors.close();
    return;
  }
  unwritten_.assign(piece.data(), static_cast<size_t>(size));
  last_words_ += unwritten_;
  if (last_words_.size() > max_last_words)
    last_words_.erase(0, last_words_.size() - max_last_words);
}

void Monitor::write_errors() {
  const ssize_t size = ::write(STDERR_FILENO, unwritten_.data(), unwritten_.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  // Whether anybody reads it says nothing about the plugin.
  unwritten_.erase(0, size < 0 ? unwritten_.size() : static_cast<size_t>(size));
}

// Stops all first, so that none can fork while the others are killed.
void Monitor::end_the_rest() {
  // Each round finds what an earlier one missed; a process that cannot be killed (in
  // uninterruptible sleep) must not keep us forever.
  constexpr int most_rounds = 100;
  for (int round = 0; round < most_rounds; ++round) {
    reap();
    auto rest = tree_.processes();
    if (rest.empty()) return;
    for (const pid_t pid : rest) ::kill(pid, SIGSTOP);
    rest = tree_.processes();
    for (const pid_t pid : rest) ::kill(pid, SIGKILL);
    pollfd children{signals_.descriptor(), POLLIN, 0};
    ::poll(&children, 1, 2);
    signalfd_siginfo info{};
    while (::read(signals_.descriptor(), &info, sizeof info) == sizeof info) continue;
  }
}

// What the plugin wrote before it ended: no more than a pipe holds.
void Monitor::drain_errors() {
  constexpr int patience_ms = 1000;
  while (child_.errors || !unwritten_.empty()) {
    if (unwritten_.empty()) {
      const auto before = last_words_.size();
      read_errors();
      if (unwritten_.empty() && before == last_words_.size()) return;
    }
    pollfd out{STDERR_FILENO, POLLOUT, 0};
    if (!unwritten_.empty() && ::poll(&out, 1, limit_.empty() ? patience_ms : 0) <= 0) return;
    if (!unwritten_.empty()) write_errors();
  }
}

std::string Monitor::fault_of_signal(int signal) const {
  const auto& limit = isolation_.limits.cpu_ms;
  // The kernel compares what it sampled at the ticks of its clock, which is less exact than our sum.
  if (signal == SIGKILL && is_set(limit) && cpu_ >= milliseconds(*limit) * 3 / 4)
    return "used more than " + span(*limit) + " of processor time, its limit";
  // Whoever pressed ^C, ended us or closed the pipe knows.
  if (signal == SIGINT || signal == SIGTERM || signal == SIGPIPE) return {};
  return "died of " + signal_name(signal) + " (" + ::strsignal(signal) + ")";
}

Ending Monitor::ending() const {
  Ending ending;
  ending.last_words = last_words_;
  if (!limit_.empty()) {
    ending.code = 128 + SIGKILL;
    ending.fault = limit_;
  } else if (WIFSIGNALED(status_)) {
    ending.code = 128 + WTERMSIG(status_);
    ending.fault = fault_of_signal(WTERMSIG(status_));
    ending.crashed = is_crash(WTERMSIG(status_));
  } else {
    ending.code = WEXITSTATUS(status_);
    if (record_.has_returned) {
      // What runs after the return must not make a success of a failure.
      if (ending.code == 0) ending.code = record_.code;
    } else if (!isolation_.may_exec) {
      ending.fault = "ended by itself, with exit code " + std::to_string(ending.code) +
                     ", before its command returned";
      if (ending.code == 0) ending.code = 1;
    }
  }
  if (ending.fault.empty()) return ending;
  const std::string line = "jetpack: plugin " + isolation_.name + ' ' + ending.fault + '\n';
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&out, 1, 1000) > 0) support::write_all(STDERR_FILENO, line);
  return ending;
}

}  // namespace jetpack
