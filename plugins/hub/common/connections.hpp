// Limits how long a client may keep a connection busy.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "support/files.hpp"

namespace jetpack::hub {

// Closes connections whose deadline has passed: a client that sends or receives a byte now and then
// holds a thread for a bounded time. One thread watches all of them.
class Connections {
 public:
  using Clock = std::chrono::steady_clock;

  Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;
  ~Connections();

  // One connection, from its acceptance to its end.
  class Lease {
   public:
    // `socket` is the connection's descriptor; the lease keeps a duplicate, so that it can never
    // close another connection that got the same number.
    Lease(Connections& connections, int socket);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    // It waits for a request: it can be closed without loss, and is when the server stops.
    void idle(std::chrono::milliseconds longest);
    // It is handling a request that must end in time.
    void busy(std::chrono::milliseconds longest);
    // It is handling a request without an end, which watches for the server's stop by itself.
    void endless();

   private:
    friend class Connections;
    void set(bool is_idle, Clock::time_point deadline);

    Connections& connections_;
    support::Fd socket_;
    bool is_idle_ = true;
    Clock::time_point deadline_;
    std::list<Lease*>::iterator place_;
  };

  // Closes idle connections at once and, after `grace`, the rest; returns when none is left.
  void drain(std::chrono::milliseconds grace);

 private:
  void watch();
  void cut(const Lease& lease) const;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Lease*> leases_;
  bool draining_ = false, stopped_ = false;
  std::thread watcher_;
};

}  // namespace jetpack::hub
