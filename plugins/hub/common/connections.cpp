// Limits how long a client may keep a connection busy.
#include "common/connections.hpp"

#include <fcntl.h>
#include <sys/socket.h>

namespace jetpack::hub {

namespace {

constexpr std::chrono::milliseconds watch_interval{500};

}  // namespace

Connections::Lease::Lease(Connections& connections, int socket)
    : connections_(connections),
      socket_(::fcntl(socket, F_DUPFD_CLOEXEC, 0)),
      deadline_(Clock::time_point::max()) {
  const std::lock_guard lock(connections_.mutex_);
  place_ = connections_.leases_.insert(connections_.leases_.end(), this);
}

Connections::Lease::~Lease() {
  {
    const std::lock_guard lock(connections_.mutex_);
    connections_.leases_.erase(place_);
  }
  connections_.changed_.notify_all();
}

void Connections::Lease::idle(std::chrono::milliseconds longest) {
  set(true, Clock::now() + longest);
}

void Connections::Lease::busy(std::chrono::milliseconds longest) {
  set(false, Clock::now() + longest);
}

void Connections::Lease::endless() { set(false, Clock::time_point::max()); }

void Connections::Lease::set(bool is_idle, Clock::time_point deadline) {
  const std::lock_guard lock(connections_.mutex_);
  is_idle_ = is_idle;
  deadline_ = deadline;
  if (is_idle && connections_.draining_) connections_.cut(*this);
}

Connections::Connections() : watcher_([this] { watch(); }) {}

Connections::~Connections() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  watcher_.join();
}

void Connections::watch() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    changed_.wait_for(lock, watch_interval, [this] { return stopped_; });
    const auto now = Clock::now();
    for (const Lease* lease : leases_)
      if (lease->deadline_ <= now) cut(*lease);
  }
}

void Connections::drain(std::chrono::milliseconds grace) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  for (const Lease* lease : leases_)
    if (lease->is_idle_) cut(*lease);
  if (changed_.wait_for(lock, grace, [this] { return leases_.empty(); })) return;
  for (const Lease* lease : leases_) cut(*lease);
  changed_.wait(lock, [this] { return leases_.empty(); });
}

// The thread that serves it sees the end of the stream.
void Connections::cut(const Lease& lease) const {
  if (lease.socket_) ::shutdown(lease.socket_.get(), SHUT_RDWR);
}

}  // namespace jetpack::hub
