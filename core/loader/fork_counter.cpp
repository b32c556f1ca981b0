// Lets a plugin have only so many processes: answers the kernel, which asks before each fork.
#include "loader/fork_counter.hpp"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include <linux/sched.h>
#include <linux/seccomp.h>

#include <jetpack/error.hpp>
#include "loader/bare_calls.hpp"

namespace jetpack {

namespace {

// As linux/seccomp.h has them since Linux 5.0 and 5.5, newer than the headers we may be built with.
struct Question {
  uint64_t id;
  uint32_t pid;
  uint32_t flags;
  seccomp_data call;
};
struct Answer {
  uint64_t id;
  int64_t value;
  int32_t error;
  uint32_t flags;
};
constexpr uint32_t go_on = 1;  // SECCOMP_USER_NOTIF_FLAG_CONTINUE
constexpr unsigned long receive = _IOWR('!', 0, Question);
constexpr unsigned long send = _IOWR('!', 1, Answer);
constexpr unsigned long is_waiting = _IOW('!', 2, uint64_t);

// Newer than the oldest headers that we are built with.
constexpr long call_close_range = 436;       // Linux 5.9
constexpr unsigned unshare_table = 1U << 1;  // CLOSE_RANGE_UNSHARE
constexpr int get_thread_id_address = 40;    // PR_GET_TID_ADDRESS
constexpr unsigned no_descriptor = ~0U;

// Closes nothing: there is no descriptor of this number.
bool have_own_table() {
  return ::syscall(call_close_range, no_descriptor, no_descriptor, unshare_table) == 0;
}

[[noreturn]] void fail(const char* what) {
  throw Error(Errc::unavailable, std::string(what) + ": " + support::system_message(errno));
}

// Where the C library keeps the number of this thread, which fork(2) sets in the child.
void* thread_id_address() {
  void* address = nullptr;
  return ::prctl(get_thread_id_address, &address, 0, 0, 0) == 0 ? address : nullptr;
}

}  // namespace

bool can_count_forks() { return thread_id_address() != nullptr && have_own_table(); }

pid_t fork_with_our_descriptors() {
  constexpr unsigned long flags = SIGCHLD | CLONE_FILES | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
  void* const thread_id = thread_id_address();
  void* robust_list = nullptr;
  size_t size = 0;
  const bool has_list = ::syscall(__NR_get_robust_list, 0, &robust_list, &size) == 0;
#if defined(__x86_64__)
  const long child = ::syscall(__NR_clone, flags, nullptr, nullptr, thread_id, nullptr);
#else
  const long child = ::syscall(__NR_clone, flags, nullptr, nullptr, nullptr, thread_id);
#endif
  if (child == 0 && has_list) ::syscall(__NR_set_robust_list, robust_list, size);
  return static_cast<pid_t>(child);
}

void take_own_descriptors() {
  if (!have_own_table()) fail("cannot have descriptors of its own");
}

support::Fd ForkCounter::make_desk() {
  support::Fd desk(bare::epoll_create());
  if (!desk) fail("cannot count forks");
  return desk;
}

void ForkCounter::add_listener(const support::Fd& desk, const support::Fd& listener) {
  epoll_event event{EPOLLIN, {}};
  event.data.fd = listener.get();
  if (bare::epoll_add(desk.get(), listener.get(), &event) != 0) fail("cannot count forks");
}

bool ForkCounter::is_listener(int fd) {
  // There is no question of this number.
  const uint64_t none = 0;
  return ::ioctl(fd, is_waiting, &none) != 0 && errno == ENOENT;
}

void ForkCounter::answer() {
  epoll_event event{};
  if (bare::epoll_look(desk_.get(), &event) != 1) return;
  const int listener = event.data.fd;
  if ((event.events & EPOLLIN) == 0) {
    // All that could ask have ended.
    ::close(listener);
    return;
  }
  Question question{};
  if (::ioctl(listener, receive, &question) != 0) return;
  Answer answer{question.id, 0, 0, go_on};
  if (!may_fork()) {
    answer.error = -EAGAIN;
    answer.flags = 0;
  }
  // Who asked may have been killed meanwhile.
  ::ioctl(listener, send, &answer);
}

bool ForkCounter::may_fork() {
  if (left_ == 0) {
    const uint64_t running = count_();
    left_ = running < most_ ? most_ - running : 0;
  }
  if (left_ == 0) return false;
  --left_;
  return true;
}

}  // namespace jetpack
