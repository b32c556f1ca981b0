// Runs code in a child process, so that its crash is reported and does not crash us.
#include "loader/isolation.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack {

namespace {

constexpr int passed_on[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT, SIGCONT};

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (const int signal : passed_on) sigaddset(&set, signal);
  return set;
}

// Of what a process dies of by itself; sigabbrev_np is newer than glibc 2.28.
std::string signal_name(int signal) {
  switch (signal) {
    case SIGABRT:
      return "SIGABRT";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    case SIGKILL:
      return "SIGKILL";
    case SIGSEGV:
      return "SIGSEGV";
    case SIGSYS:
      return "SIGSYS";
    case SIGXCPU:
      return "SIGXCPU";
    default:
      return "signal " + std::to_string(signal);
  }
}

// The child is our own and not yet reaped, so its number is its own.
int wait_for(pid_t child, const sigset_t& watched, const std::string& name) {
  int status = 0;
  while (true) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) break;
    siginfo_t info{};
    const int signal = ::sigwaitinfo(&watched, &info);
    // The terminal sends its signals to the child as well.
    if (signal > 0 && signal != SIGCHLD && info.si_code <= 0) ::kill(child, signal);
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int signal = WTERMSIG(status);
  // Whoever pressed ^C, ended us or closed the pipe knows.
  if (signal == SIGINT || signal == SIGTERM || signal == SIGPIPE) return 128 + signal;
  const std::string text = "jetpack: plugin " + name + " died of " + signal_name(signal) + " (" +
                           ::strsignal(signal) + ")\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  return 128 + signal;
}

}  // namespace

int run_isolated(const std::string& name, const std::function<int()>& body) {
  const sigset_t watched = watched_signals();
  sigset_t before;
  ::signal(SIGCHLD, SIG_DFL);
  ::sigprocmask(SIG_BLOCK, &watched, &before);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0)
    throw Error(Errc::unavailable,
                "cannot start a process for the plugin: " + support::system_message(errno));
  if (child > 0) {
    const int code = wait_for(child, watched, name);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    return code;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(128 + SIGKILL);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  // Not _exit: what the plugin registered for the end must run, once.
  std::exit(body());
}

}  // namespace jetpack
