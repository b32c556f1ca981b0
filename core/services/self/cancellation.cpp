// Remembers the first SIGINT or SIGTERM.
#include "services/self/cancellation.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

namespace jetpack {

namespace {

// What a signal handler reaches can only be global.
std::atomic<int> arrived{0};    // NOLINT
std::atomic<int> readable{-1};  // NOLINT
std::atomic<int> writable{-1};  // NOLINT
static_assert(std::atomic<int>::is_always_lock_free);

void remember(int signal) {
  const int before = errno;
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  arrived.store(signal);
  [[maybe_unused]] const auto written = ::write(writable.load(), "", 1);
  errno = before;
}

void watch(int signal) {
  struct sigaction action {
  }, before{};
  // Without SA_RESTART, so that a read from a terminal ends.
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGINT);
  sigaddset(&action.sa_mask, SIGTERM);
  if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
    ::sigaction(signal, &action, nullptr);
}

}  // namespace

int cancelling_signal() {
  static std::once_flag once;
  std::call_once(once, [] {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
      readable.store(ends[0]);
      writable.store(ends[1]);
    }
    watch(SIGINT);
    watch(SIGTERM);
  });
  return arrived.load();
}

int arrived_signal() noexcept { return arrived.load(); }

int cancellation_descriptor() noexcept { return readable.load(); }

}  // namespace jetpack
