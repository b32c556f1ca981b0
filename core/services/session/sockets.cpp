// Name look-ups with a deadline, and why there is no connection, for libraries that offer neither.
#include "services/session/sockets.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::session {

namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

struct LookUp {
  std::mutex mutex;
  std::condition_variable done;
  bool is_done = false;
  int error = 0;
  std::vector<std::string> addresses;
};

std::string numeric(const addrinfo& entry) {
  char text[NI_MAXHOST];
  if (::getnameinfo(entry.ai_addr, entry.ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) != 0)
    return {};
  return text;
}

void look_up(const std::string& host, LookUp& result) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  const Addresses owner(list);
  const std::lock_guard lock(result.mutex);
  result.error = error;
  if (error == 0)
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next)
      if (auto text = numeric(*entry); !text.empty()) result.addresses.push_back(std::move(text));
  result.is_done = true;
  result.done.notify_all();
}

}  // namespace

std::vector<std::string> resolve(const std::string& host,
                                 std::chrono::steady_clock::time_point deadline) {
  const auto result = std::make_shared<LookUp>();
  // Detached, because a look-up cannot be cancelled; it owns all that it touches.
  std::thread([host, result] { look_up(host, *result); }).detach();
  std::unique_lock lock(result->mutex);
  if (!result->done.wait_until(lock, deadline, [&] { return result->is_done; }))
    throw Error(Errc::unavailable, "looking up the host name " + host + " timed out");
  if (result->addresses.empty())
    throw Error(Errc::unavailable, "the host name " + host +
                                       " could not be resolved: " + ::gai_strerror(result->error));
  return result->addresses;
}

std::string why_unreachable(const std::string& address, unsigned port) {
  constexpr int patience_ms = 200;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) return {};
  const Addresses owner(list);
  const support::Fd fd(::socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return support::system_message(errno);
  if (::connect(fd.get(), list->ai_addr, list->ai_addrlen) == 0) return {};
  if (errno != EINPROGRESS) return support::system_message(errno);
  pollfd wait{fd.get(), POLLOUT, 0};
  if (::poll(&wait, 1, patience_ms) <= 0) return "no answer";
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? std::string() : support::system_message(error);
}

}  // namespace jetpack::session
