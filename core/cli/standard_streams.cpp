// The descriptors 0 to 2 of a process that may have been started without them.
#include "cli/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

namespace jetpack {

void open_standard_streams() noexcept {
  // Opened the wrong way round where a failure has to stay one.
  constexpr int flags[] = {O_WRONLY, O_RDONLY, O_WRONLY};
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest number that is free is this one. Where there is no /dev/null, any file is better
    // than none.
    if (::open("/dev/null", flags[fd]) < 0) [[maybe_unused]]
      const int root = ::open("/", O_RDONLY);
  }
}

void write_to_person(std::string_view text) noexcept {
  sigset_t pipe, pending, before;
  ::sigpending(&pending);
  const bool was_pending = ::sigismember(&pending, SIGPIPE) == 1;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::sigprocmask(SIG_BLOCK, &pipe, &before);
  bool is_closed = false;
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    is_closed = written < 0 && errno == EPIPE;
    if (written <= 0) break;
    text.remove_prefix(static_cast<size_t>(written));
  }
  const timespec at_once{};
  if (is_closed && !was_pending) ::sigtimedwait(&pipe, nullptr, &at_once);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace jetpack
