// Waits for all clients of a listener: accepts, does TLS handshakes, reads heads and bodies.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/connection.hpp"
#include "common/limits.hpp"
#include "common/refusal_log.hpp"
#include "support/files.hpp"

namespace jetpack::hub {

// One thread, from construction to finish(). Connections of those who have not shown credentials are
// limited for each address: beyond that, the oldest one is closed.
class EventLoop {
 public:
  using Owned = std::unique_ptr<Connection>;

  // `listening` does not block. `submit` gets each connection that has a request, and returns it
  // with give_back().
  EventLoop(int listening, SSL_CTX* context, const Limits& limits, const support::LogFile& log,
            std::function<void(Owned)> submit);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // From any thread: takes a connection that waits for its client again, in its phase; one whose
  // phase is `closed` has ended.
  void give_back(Owned connection);
  // Accepts nothing more and closes what waits, except for bodies.
  void stop();
  // Waits until no request is left, cuts those that are left after `grace`, and ends the thread.
  void finish(std::chrono::milliseconds grace);

 private:
  using Clock = Connection::Clock;

  void run();
  bool take_returned();
  void close_waiting();
  void accept_some();
  void set_accepting(bool is_accepting);
  void welcome(int socket, const std::string& address);
  size_t count_connections();
  bool make_room();
  Connection* oldest_newcomer();
  Connection* oldest_idle();
  void evict(Connection& connection, const std::string& limit);
  void advance(Connection& connection);
  void enter(Connection& connection, Connection::Phase phase);
  std::chrono::milliseconds longest(const Connection& connection) const;
  void expire();
  void wait_for(Connection& connection, Channel::Io io);
  bool watch(Connection& connection, uint32_t event) const;
  void insert(Owned owned, Connection::Phase phase);
  Owned release(Connection& connection);
  void submit(Connection& connection);
  void wake() const;

  // -- of the thread
  int listening_;  // -1: stopped
  SSL_CTX* context_;
  Limits limits_;
  Pace pace_;
  std::function<void(Owned)> submit_;
  RefusalLog refusals_;
  support::Fd epoll_, wake_;
  std::unordered_map<const Connection*, Owned> waiting_;
  // Those who have not shown credentials, by address and age.
  std::map<std::string, std::map<uint64_t, Connection*>> newcomers_;
  uint64_t next_number_ = 0;
  Clock::time_point next_tick_;
  bool is_accepting_ = true;

  // -- shared
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Owned> returned_;
  std::unordered_map<const Connection*, Connection*> busy_;
  bool stopping_ = false, ended_ = false;
  size_t bodies_ = 0;  // connections that wait for the rest of a body
  std::thread thread_;
};

}  // namespace jetpack::hub
