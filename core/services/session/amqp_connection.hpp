// A connection to an AMQP broker: name, TCP, TLS, login and one channel with confirms, each within
// a deadline, and closed by its end.
#pragma once

#include <amqp.h>
#include <openssl/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include <jetpack/error.hpp>
#include "services/http/certificate.hpp"
#include "services/session/broker.hpp"

namespace jetpack::session {

using AmqpClock = std::chrono::steady_clock;

// The broker has closed the channel or the connection and said why.
class ClosedByBroker : public Error {
 public:
  ClosedByBroker(Errc code, const std::string& text, uint32_t reply)
      : Error(code, text), reply_(reply) {}

  uint32_t reply() const { return reply_; }  // of AMQP 0-9-1

 private:
  uint32_t reply_;
};

class AmqpConnection {
 public:
  // The channel that messages go on.
  static constexpr amqp_channel_t channel = 1;

  // Throws Errc::unavailable when the broker cannot be reached, Errc::denied when it or its
  // certificate refuses, Errc::corrupt when the CA's file cannot be read.
  AmqpConnection(const node::BrokerAddress& address, AmqpClock::time_point deadline);

  // Starts to write one message; complete when this returns. Throws Errc::unavailable when the
  // broker takes no more before the deadline, or ClosedByBroker; the connection is then of no use.
  void write(const PublishParameters& message, AmqpClock::time_point deadline);

  // What was received that concerns messages.
  struct Event {
    enum class Type { acknowledged, rejected, returned } type = Type::acknowledged;
    uint64_t tag = 0;       // of acknowledged and rejected
    bool multiple = false;  // all up to the tag
    uint32_t reply = 0;     // of returned, as the next two
    std::string why;
    std::string message_id;
  };

  // The next event; nullopt when none came before the deadline. Throws as write().
  std::optional<Event> receive(AmqpClock::time_point deadline);

  // Whether the exchange exists. Throws Errc::unavailable.
  bool has_exchange(const std::string& name, AmqpClock::time_point deadline);

  // What the broker said when it stopped taking messages; empty while it takes them.
  const std::string& blocked() const { return blocked_; }

  // Says goodbye, waiting a moment at the most for the answer.
  void close();

  const std::string& peer() const { return peer_; }

 private:
  struct Destroy {
    void operator()(amqp_connection_state_t state) const { amqp_destroy_connection(state); }
  };

  void open_socket(const node::BrokerAddress& address, AmqpClock::time_point deadline);
  void log_in(const node::BrokerAddress& address, AmqpClock::time_point deadline);
  void open_channel(AmqpClock::time_point deadline);
  void limit(AmqpClock::time_point deadline);
  void check_reply(const amqp_rpc_reply_t& reply, const char* doing);
  void check_status(int status);
  void write_large(const PublishParameters& message, const amqp_basic_properties_t& properties,
                   AmqpClock::time_point deadline);
  void write_frame(const amqp_frame_t& frame, AmqpClock::time_point deadline);
  void wait_for_room(AmqpClock::time_point deadline);
  std::optional<Event> read(AmqpClock::time_point deadline);
  std::optional<Event> handle(const amqp_frame_t& frame);
  std::optional<Event> handle_method(const amqp_frame_t& frame);
  void handle_control(const amqp_method_t& method);
  [[noreturn]] void fail_closed(uint32_t reply, const amqp_bytes_t& text, const char* what);

  // Lives as long as the state, which its TLS context refers to.
  struct Verification {
    std::string server_name;  // empty: the host is a numeric address
    http::CertificateProblem problem;
  };
  static void set_server_name(const SSL* ssl, int where, int result);
  static void prepare_tls(amqp_socket_t* socket, const node::BrokerAddress& address,
                          Verification& verification);

  std::string peer_;
  std::unique_ptr<Verification> verification_;
  std::unique_ptr<amqp_connection_state_t_, Destroy> state_;
  std::string blocked_;
  std::optional<Event> returned_;  // its content is still coming in
  uint64_t returned_left_ = 0;     // bytes of the content
  std::deque<Event> early_;        // came in while something was written
};

}  // namespace jetpack::session
