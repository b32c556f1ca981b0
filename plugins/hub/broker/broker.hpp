// The hub's connection to a RabbitMQ broker that queues the nodes' messages.
#pragma once

#include <amqp.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack::hub {

// The address of a broker.
struct BrokerAddress {
  std::string host, user, password, vhost;
  uint16_t port = 0;
  bool is_tls = true;
  std::string ca_file;  // "": the system's certificates
  std::string shown;    // for people: without the password
};

// "amqps://USER:PASSWORD@HOST:PORT/VHOST"; amqp:// only for this machine. Throws Errc::usage.
BrokerAddress parse_broker_url(std::string_view url, std::string_view ca_file);

// A delivered message, until it is acknowledged or rejected.
struct BrokerMessage {
  uint64_t tag = 0;
  bool is_too_large = false;  // then the body is dropped
  std::string routing_key, user_id, body;
};

// One connection with one channel; for one thread. Members throw Error (Errc::unavailable)
// when it is lost: create another then, and the broker redelivers what was not acknowledged.
class BrokerConnection {
 public:
  static constexpr int queues = 16;
  static constexpr size_t prefetch = 256;  // messages, of all queues together

  // Connects, and declares the exchange and the queues of the nodes' messages.
  BrokerConnection(const BrokerAddress& address, size_t body_limit);
  BrokerConnection(const BrokerConnection&) = delete;
  BrokerConnection& operator=(const BrokerConnection&) = delete;
  ~BrokerConnection();

  // What the queues are the same ones of, whichever address a hub uses: the broker's cluster and the
  // virtual host.
  std::string identity() const;
  void consume(int queue);
  // Ends it. What was delivered before is still among the next messages, no more than `prefetch`.
  void cancel(int queue);

  // The next message; nullopt when that times out.
  std::optional<BrokerMessage> next(std::chrono::milliseconds longest);

  // Acknowledges all messages up to this one, except rejected ones.
  void acknowledge(uint64_t tag);
  // The message goes to the queue jetpack.refused.
  void refuse(uint64_t tag);

 private:
  struct Free {
    void operator()(amqp_connection_state_t state) const { amqp_destroy_connection(state); }
  };

  void connect();
  void prepare_tls(amqp_socket_t* socket) const;
  void declare();
  void declare_refused_queue();
  bool has_queue(const char* name);
  std::optional<amqp_frame_t> next_frame(std::chrono::milliseconds longest);
  amqp_frame_t next_content_frame();
  BrokerMessage read_message(const amqp_frame_t& delivery);
  void check(const amqp_rpc_reply_t& reply, const std::string& doing) const;
  void check(int status, const std::string& doing) const;
  [[noreturn]] void fail(const std::string& doing, const std::string& why) const;
  [[noreturn]] void fail_closed(const amqp_method_t& method, const std::string& doing) const;

  const BrokerAddress& address_;
  size_t max_body_;
  std::unique_ptr<amqp_connection_state_t_, Free> state_;
};

}  // namespace jetpack::hub
