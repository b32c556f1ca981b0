// Lets a plugin have only so many processes: answers the kernel, which asks before each fork.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "support/files.hpp"

namespace jetpack {

// Hands a descriptor to the process at the other end of a socket, which receives it. An invalid Fd
// is received when none comes any more.
void send_descriptor(const support::Fd& socket, const support::Fd& descriptor);
support::Fd receive_descriptor(const support::Fd& socket);

class ForkCounter {
 public:
  // `count` says how many processes there are now. It is asked only when so many were forked since
  // that there could be `most`.
  ForkCounter(uint64_t most, std::function<uint64_t()> count)
      : most_(most), count_(std::move(count)) {}

  // Where the kernel asks: seccomp's listener.
  void listen(support::Fd listener) { listener_ = std::move(listener); }
  int descriptor() const { return listener_.get(); }
  void close() { listener_.close(); }

  // Answers one question, if there is one: EAGAIN is what fork fails with.
  void answer();

 private:
  bool may_fork();

  uint64_t most_;
  std::function<uint64_t()> count_;
  uint64_t left_ = 0;
  support::Fd listener_;
};

}  // namespace jetpack
