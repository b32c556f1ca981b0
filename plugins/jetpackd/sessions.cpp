// Ends what a user who lost access still runs.
//
// It is done by a child that has become the user: its kill(-1) reaches the processes of that user
// and no other, without a list of process numbers, which may be another's by the time of the signal.
#include "jetpackd/sessions.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "support/user_name.hpp"

namespace jetpack::jetpackd {

namespace {

constexpr int all_ended = 0, some_left = 1, not_possible = 2;

bool reaches_any(int signal) { return ::kill(-1, signal) == 0; }

// Sends the signal until all processes are gone, for two seconds at most. A zombie counts until its
// parent reaps it, and a process that is being forked gets the next signal.
bool end_by(int signal, int repeated) {
  constexpr timespec interval{0, 20'000'000};
  for (int i = 0; i < 100; ++i) {
    if (!reaches_any(i == 0 ? signal : repeated)) return true;
    ::nanosleep(&interval, nullptr);
  }
  return false;
}

// Runs `work` in a child with the user's rights; returns its result. The parent has threads, so the
// child makes system calls only: glibc's setresuid would look for them.
template <class Work>
int as_user(uint32_t uid, Work work) {
  if (uid < support::least_uid) return not_possible;
  const pid_t child = ::fork();
  if (child < 0) return not_possible;
  if (child == 0) {
    if (::syscall(SYS_setresuid, uid, uid, uid) != 0 || ::getuid() != uid) ::_exit(not_possible);
    // It has our descriptors, and with them our lock, which must not outlive us.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(work());
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return not_possible;
  return WIFEXITED(status) ? WEXITSTATUS(status) : not_possible;
}

}  // namespace

bool has_processes(uint32_t uid) {
  return as_user(uid, [] { return reaches_any(0) ? some_left : all_ended; }) == some_left;
}

bool end_processes(uint32_t uid) {
  return as_user(uid, [] {
           if (!end_by(SIGTERM, 0)) end_by(SIGKILL, SIGKILL);
           return all_ended;
         }) == all_ended;
}

}  // namespace jetpack::jetpackd
