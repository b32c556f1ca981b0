// Publishes messages and letters at the AMQP broker, and says what its replies mean.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "services/session/broker.hpp"
#include "services/session/transport.hpp"

namespace jetpack::session {

// Where the messages of this node go.
struct BrokerTarget {
  std::string exchange;
  std::string routing_key;
  std::string user_id;
};

// "messages.P.CLUSTER.NODE": P spreads the nodes over the hub's queues, and is always the same for
// one node, so that its messages are consumed in order. Cut to what a routing key may have.
std::string routing_key_of(const node::Identity& identity);

class BrokerTransport : public Transport {
 public:
  using Connect = std::function<std::unique_ptr<Broker>()>;

  // `connect` is called when there is something to send.
  BrokerTransport(BrokerTarget target, node::Identity identity, Connect connect);

  std::vector<Outcome> send(const std::vector<Batch>& batches, Clock::time_point deadline) override;
  void heartbeat() override;

 private:
  Publication publication_of(const Batch& batch, const std::string& body) const;

  BrokerTarget target_;
  node::Identity identity_;
  Connect connect_;
  std::unique_ptr<Broker> broker_;
};

}  // namespace jetpack::session
