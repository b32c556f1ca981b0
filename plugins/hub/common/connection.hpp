// A client's connection, and the request on it that is being handled.
#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/channel.hpp"
#include "common/quota.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

class Connection;

// Handles one request, on threads of the listener.
class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  // Judges the request by its head. Returns how many bytes of the body handle() wants to find in
  // memory, at once; a body that has no length, or more bytes, it reads as they arrive. A response
  // that is sent here is the end of it.
  virtual uint64_t admit(Poco::Net::HTTPServerRequest& request,
                         Poco::Net::HTTPServerResponse& response) = 0;
  virtual void handle(Poco::Net::HTTPServerRequest& request,
                      Poco::Net::HTTPServerResponse& response) = 0;
  // Sends an error in the server's own format.
  virtual void refuse(Poco::Net::HTTPServerResponse& response, int status,
                      const std::string& reason) = 0;
};

using MakeHandler = std::function<std::unique_ptr<Handler>(Connection&)>;

// Owned by the event loop while it waits for the client, and by a thread while that handles a
// request.
class Connection {
 public:
  using Clock = Channel::Clock;

  // What it waits for.
  enum class Phase { handshake, head, idle, body, thread, parting, closed };

  Connection(Poco::AutoPtr<Channel> channel, std::string address);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Of the peer, without the port.
  const std::string& address() const { return address_; }
  Channel& channel() { return *channel_; }
  const Channel& channel() const { return *channel_; }

  // -- for handlers

  // Counts the connection among those of `owner`. Throws OverLimit.
  void claim(Quota& connections, const std::string& owner, bool is_administrator);
  bool is_claimed() const { return owner_.has_value(); }
  // Whether a request is being handled that is not an administrator's.
  bool is_common() const { return exchange_ && !is_administrator_; }

  // -- for the event loop

  // Whether what it waits for is there: a head, or one that is too long, or the body.
  bool is_ready();
  // The client took too long: work() answers that.
  void expire() { is_late_ = true; }
  // Ends what a thread waits for on this connection. From any thread.
  void cut();

  Phase phase = Phase::handshake;
  Clock::time_point since;  // the phase's begin
  uint64_t number = 0;      // in the order of arrival
  bool is_watched = false;  // given back idle: only its client's next word concerns the event loop

  // -- for a thread

  // Begins the exchange whose head has arrived, or goes on with it; returns what comes next:
  // `thread` for another call, when its lane has one.
  Phase work(const MakeHandler& make, const support::LogFile& log);

 private:
  class Exchange;

  bool has_head();
  bool has_body() const { return channel_->buffered().size() >= wanted_; }
  Phase begin(const MakeHandler& make);
  Phase finish();
  Phase fail(const std::exception& e, const support::LogFile& log);
  Phase answer_raw(const char* status, const char* reason);

  Poco::AutoPtr<Channel> channel_;
  std::string address_;
  std::optional<Quota::Share> owner_;
  std::unique_ptr<Exchange> exchange_;
  size_t scanned_ = 0;  // of the buffer, which has no end of a head
  size_t head_bytes_ = 0;
  uint64_t wanted_ = 0;
  bool is_late_ = false, is_administrator_ = false;
};

}  // namespace jetpack::hub
