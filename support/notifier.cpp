// Notifies systemd that the service is ready, alive or stopping, by the protocol of sd_notify(3).
#include "support/notifier.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace jetpack::support {

namespace {

std::string take_from_environment(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

int64_t number_in(const std::string& text) {
  int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} && end == text.data() + text.size() ? number : 0;
}

}  // namespace

Notifier::Notifier() : address_(take_from_environment("NOTIFY_SOCKET")) {
  const int64_t microseconds = number_in(take_from_environment("WATCHDOG_USEC"));
  const std::string pid = take_from_environment("WATCHDOG_PID");
  if (address_.empty() || (address_[0] != '/' && address_[0] != '@')) return;
  if (address_.size() >= sizeof(sockaddr_un::sun_path)) return;
  socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // A bundle's command runs in a child of the process that the service manager started.
  const bool is_ours = pid.empty() || number_in(pid) == ::getpid() || number_in(pid) == ::getppid();
  if (microseconds > 0 && is_ours) watchdog_ = std::chrono::microseconds(microseconds);
}

void Notifier::notify(std::string_view assignments) const {
  if (!socket_) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  // An abstract name starts with a NUL byte and does not end with one.
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  ::sendto(socket_.get(), assignments.data(), assignments.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&to), size);
}

}  // namespace jetpack::support
