// Waits for all clients of a listener: accepts, does TLS handshakes, reads heads and bodies.
#include "common/event_loop.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include <Poco/Net/SocketAddress.h>

#include <jetpack/error.hpp>

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

constexpr int events_at_once = 256;
constexpr int accepts_at_once = 32;
constexpr size_t parts_at_once = 16;
constexpr int tick_ms = 250;
constexpr std::chrono::seconds parting_time{5};
// A peer that has vanished takes nothing for that long.
constexpr int vanished_ms = 30'000;

void set_option(int socket, int option, int value) {
  ::setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value);
}

// Clients with IPv6 have a network of 64 bits each.
std::string client_address(const sockaddr_storage& peer, socklen_t length) {
  const net::IPAddress host =
      net::SocketAddress(reinterpret_cast<const sockaddr*>(&peer), length).host();
  if (host.family() == net::IPAddress::IPv4 || host.isIPv4Mapped() || host.isLoopback())
    return host.toString();
  std::array<unsigned char, sizeof(in6_addr)> network{};
  std::memcpy(network.data(), host.addr(), network.size() / 2);
  return net::IPAddress(network.data(), network.size()).toString();
}

}  // namespace

EventLoop::EventLoop(int listening, SSL_CTX* context, const Limits& limits,
                     const support::LogFile& log, std::function<void(Owned)> submit)
    : listening_(listening),
      context_(context),
      limits_(limits),
      pace_{std::chrono::seconds(limits.stall_seconds), limits.bytes_per_second},
      submit_(std::move(submit)),
      refusals_(log),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  const auto watch = [&](int fd, uint32_t event, void* what) {
    epoll_event watched{event, {.ptr = what}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &watched) != 0)
      throw Error(Errc::failed, "failed to wait for clients: " + support::system_message(errno));
  };
  watch(listening_, EPOLLIN, &listening_);
  // Each write is an event of its own, so that nobody needs to read it.
  watch(wake_.get(), EPOLLIN | EPOLLET, nullptr);
  thread_ = std::thread([this] { run(); });
}

EventLoop::~EventLoop() { finish(std::chrono::milliseconds(0)); }

// The thread need not take over a connection whose client has to speak next: that wakes it.
void EventLoop::give_back(Owned connection) {
  using Phase = Connection::Phase;
  bool is_for_thread = false;
  {
    // The thread must not close the connection before it is watched.
    const std::lock_guard lock(mutex_);
    busy_.erase(connection.get());
    if (connection->phase == Phase::body) ++bodies_;
    if (connection->phase != Phase::closed) {
      const Channel& channel = connection->channel();
      connection->is_watched = connection->phase == Phase::idle && !stopping_ &&
                               channel.buffered().empty() && !channel.has_pending() &&
                               watch(*connection, EPOLLIN);
      is_for_thread = !connection->is_watched;
      returned_.push_back(std::move(connection));
    }
  }
  changed_.notify_all();
  if (is_for_thread) wake();
}

void EventLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
}

void EventLoop::finish(std::chrono::milliseconds grace) {
  if (!thread_.joinable()) return;
  stop();
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, grace, [this] { return busy_.empty() && bodies_ == 0; });
  ended_ = true;
  for (const auto& [key, connection] : busy_) connection->cut();
  lock.unlock();
  wake();
  thread_.join();
  lock.lock();
  changed_.wait(lock, [this] { return busy_.empty(); });
}

void EventLoop::run() {
  std::array<epoll_event, events_at_once> events{};
  while (true) {
    const int timeout = count_connections() == 0 && is_accepting_ ? -1 : tick_ms;
    const int count = ::epoll_wait(epoll_.get(), events.data(), events_at_once, timeout);
    if (!take_returned()) break;
    bool is_someone_there = false;
    for (int i = 0; i < count; ++i) {
      void* const what = events[static_cast<size_t>(i)].data.ptr;
      if (what == &listening_) is_someone_there = true;
      // One that an earlier event has closed is not there any more.
      const auto found = waiting_.find(static_cast<const Connection*>(what));
      if (found != waiting_.end()) advance(*found->second);
    }
    if (is_someone_there) accept_some();
    expire();
  }
  newcomers_.clear();
  waiting_.clear();
}

// False at the end.
bool EventLoop::take_returned() {
  std::vector<Owned> returned;
  bool is_stopping = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    returned.swap(returned_);
    is_stopping = stopping_;
  }
  if (is_stopping && listening_ >= 0) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, std::exchange(listening_, -1), nullptr);
    is_accepting_ = true;
  }
  for (auto& owned : returned) {
    Connection& connection = *owned;
    insert(std::move(owned), connection.phase);
    if (!connection.is_watched) advance(connection);
  }
  if (is_stopping) close_waiting();
  return true;
}

void EventLoop::close_waiting() {
  std::vector<Connection*> closing;
  for (const auto& [key, connection] : waiting_)
    if (connection->phase != Connection::Phase::body) closing.push_back(connection.get());
  for (Connection* connection : closing) release(*connection);
}

void EventLoop::accept_some() {
  for (int i = 0; i < accepts_at_once && listening_ >= 0; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int socket = ::accept4(listening_, reinterpret_cast<sockaddr*>(&peer), &length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      welcome(socket, client_address(peer, length));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      // Such as EMFILE, which would come again at once.
      return set_accepting(false);
    }
  }
}

void EventLoop::set_accepting(bool is_accepting) {
  epoll_event event{is_accepting ? uint32_t{EPOLLIN} : 0U, {.ptr = &listening_}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listening_, &event);
  is_accepting_ = is_accepting;
}

void EventLoop::welcome(int socket, const std::string& address) {
  const Poco::AutoPtr<Channel> channel(
      std::make_unique<Channel>(socket, context_, pace_).release());
  set_option(socket, TCP_NODELAY, 1);
  set_option(socket, TCP_USER_TIMEOUT, vanished_ms);
  const auto found = newcomers_.find(address);
  if (found != newcomers_.end() && found->second.size() >= limits_.connections_per_address)
    evict(*found->second.begin()->second, "connections-per-address");
  if (!make_room()) return refusals_.warn(address, "closed a connection (limit connections)");
  auto owned = std::make_unique<Connection>(channel, address);
  owned->number = next_number_++;
  Connection& connection = *owned;
  insert(std::move(owned), Connection::Phase::handshake);
  // OpenSSL needs memory, 40 KB, from the first attempt on.
  wait_for(connection, Channel::Io::want_read);
}

size_t EventLoop::count_connections() {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + returned_.size() + busy_.size();
}

// Makes room for one more connection; false where everybody else has a better claim to it.
bool EventLoop::make_room() {
  if (count_connections() < limits_.connections) return true;
  Connection* victim = oldest_newcomer();
  if (victim == nullptr) victim = oldest_idle();
  if (victim == nullptr) return false;
  evict(*victim, "connections");
  return true;
}

// Of the address that has the most of them.
Connection* EventLoop::oldest_newcomer() {
  const auto most = std::max_element(
      newcomers_.begin(), newcomers_.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  return most == newcomers_.end() ? nullptr : most->second.begin()->second;
}

Connection* EventLoop::oldest_idle() {
  Connection* oldest = nullptr;
  for (const auto& [key, connection] : waiting_)
    if (connection->phase == Connection::Phase::idle &&
        (oldest == nullptr || connection->since < oldest->since))
      oldest = connection.get();
  return oldest;
}

void EventLoop::evict(Connection& connection, const std::string& limit) {
  const std::string address = connection.address();
  release(connection);
  refusals_.warn(address, "closed an idle connection for a new one (limit " + limit + ")");
}

// Goes on with a connection until it has to wait for the client, or has a request.
void EventLoop::advance(Connection& connection) {
  Channel& channel = connection.channel();
  if (connection.phase == Connection::Phase::handshake) {
    const Channel::Io io = channel.handshake();
    if (io != Channel::Io::done) return wait_for(connection, io);
    enter(connection, Connection::Phase::head);
  }
  for (size_t parts = 0;; ++parts) {
    if (connection.is_ready()) return submit(connection);
    // The others have a turn.
    if (parts >= parts_at_once && !channel.has_pending())
      return wait_for(connection, Channel::Io::want_read);
    const Channel::Io io = channel.fill();
    if (io != Channel::Io::done) return wait_for(connection, io);
    if (connection.phase == Connection::Phase::idle) enter(connection, Connection::Phase::head);
    if (connection.phase == Connection::Phase::parting) channel.drop(channel.buffered().size());
  }
}

void EventLoop::enter(Connection& connection, Connection::Phase phase) {
  using Phase = Connection::Phase;
  if (phase == Phase::idle && !connection.channel().buffered().empty()) phase = Phase::head;
  connection.phase = phase;
  connection.since = Clock::now();
  if (phase == Phase::parting) connection.channel().close_sending();
}

// The longest time that a phase may last.
std::chrono::milliseconds EventLoop::longest(const Connection& connection) const {
  using std::chrono::seconds;
  switch (connection.phase) {
    case Connection::Phase::handshake:
      return seconds(limits_.handshake_seconds);
    case Connection::Phase::head:
      return seconds(limits_.head_seconds);
    case Connection::Phase::idle:
      return seconds(connection.is_claimed()
                         ? limits_.idle_seconds
                         : std::min(limits_.idle_seconds, limits_.head_seconds));
    case Connection::Phase::body:
      return pace_.allowed(connection.channel().buffered().size());
    case Connection::Phase::thread:
    case Connection::Phase::parting:
    case Connection::Phase::closed:
      break;
  }
  return parting_time;
}

void EventLoop::expire() {
  if (!is_accepting_ && listening_ >= 0) set_accepting(true);
  const auto now = Clock::now();
  if (now < next_tick_) return;
  next_tick_ = now + std::chrono::milliseconds(tick_ms);
  std::vector<Connection*> overdue;
  for (const auto& [key, connection] : waiting_)
    if (now - connection->since > longest(*connection)) overdue.push_back(connection.get());
  for (Connection* connection : overdue) {
    const bool has_begun =
        connection->phase == Connection::Phase::body ||
        (connection->phase == Connection::Phase::head && !connection->channel().buffered().empty());
    if (!has_begun) {
      release(*connection);
      continue;
    }
    connection->expire();
    submit(*connection);
  }
}

void EventLoop::wait_for(Connection& connection, Channel::Io io) {
  if (io == Channel::Io::failed ||
      !watch(connection, io == Channel::Io::want_write ? EPOLLOUT : EPOLLIN))
    release(connection);
}

// For one event.
bool EventLoop::watch(Connection& connection, uint32_t event) const {
  epoll_event watched{event | EPOLLONESHOT, {.ptr = &connection}};
  const int socket = connection.channel().sockfd();
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket, &watched) == 0 ||
         ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &watched) == 0;
}

void EventLoop::insert(Owned owned, Connection::Phase phase) {
  Connection& connection = *owned;
  waiting_.emplace(&connection, std::move(owned));
  if (!connection.is_claimed())
    newcomers_[connection.address()].emplace(connection.number, &connection);
  enter(connection, phase);
}

EventLoop::Owned EventLoop::release(Connection& connection) {
  const auto of_address = newcomers_.find(connection.address());
  if (of_address != newcomers_.end()) {
    of_address->second.erase(connection.number);
    if (of_address->second.empty()) newcomers_.erase(of_address);
  }
  auto node = waiting_.extract(&connection);
  if (connection.phase == Connection::Phase::body) {
    {
      const std::lock_guard lock(mutex_);
      --bodies_;
    }
    changed_.notify_all();
  }
  return std::move(node.mapped());
}

void EventLoop::submit(Connection& connection) {
  {
    const std::lock_guard lock(mutex_);
    busy_.emplace(&connection, &connection);
  }
  submit_(release(connection));
}

void EventLoop::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

}  // namespace jetpack::hub
