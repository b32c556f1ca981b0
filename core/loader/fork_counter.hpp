// Lets a plugin have only so many processes: answers the kernel, which asks before each fork.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "support/files.hpp"

namespace jetpack {

// Whether the kernel can ask us before each fork of a child (Linux 5.9, with CONFIG_CHECKPOINT_RESTORE).
bool can_count_forks();

// As fork(2), but the child's descriptors are not copies: what it opens is open here as well, until it
// takes a table of its own, before anything else closes a descriptor here or there. For a process
// without threads, in which can_count_forks().
pid_t fork_with_our_descriptors();

// In that child: gives it a table of its own. Throws Errc::unavailable.
void take_own_descriptors();

class ForkCounter {
 public:
  // Where it is asked: an epoll(7) descriptor, because the child adds seccomp's listener to it while
  // we wait for it. That wakes nobody, and most plugins never fork.
  static support::Fd make_desk();
  // In the child. Throws Errc::unavailable.
  static void add_listener(const support::Fd& desk, const support::Fd& listener);

  // Whether it is one, of our own table.
  static bool is_listener(int fd);

  // `count` says how many processes there are now. It is asked only when so many were forked since
  // that there could be `most`.
  ForkCounter(support::Fd desk, uint64_t most, std::function<uint64_t()> count)
      : desk_(std::move(desk)), most_(most), count_(std::move(count)) {}

  int descriptor() const { return desk_.get(); }

  // Answers one question, if there is one: EAGAIN is what fork fails with.
  void answer();

 private:
  bool may_fork();

  support::Fd desk_;
  uint64_t most_;
  std::function<uint64_t()> count_;
  uint64_t left_ = 0;
};

}  // namespace jetpack
