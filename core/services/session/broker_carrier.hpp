// Brings messages and letters to the AMQP broker, and what its replies mean.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "services/session/broker.hpp"
#include "services/session/carrier.hpp"

namespace jetpack::session {

// What goes for the messages of this node.
struct BrokerRoute {
  std::string exchange;
  std::string routing_key;
  std::string user_id;
};

// "messages.P.CLUSTER.NODE": P spreads the nodes over the hub's queues, and is always the same for
// one node, so that its messages are consumed in order. Cut to what a routing key may have.
std::string routing_key_of(const Identity& identity);

class BrokerCarrier : public Carrier {
 public:
  using Connect = std::function<std::unique_ptr<Broker>()>;

  // `connect` is called when there is something to send.
  BrokerCarrier(BrokerRoute route, Identity identity, Connect connect);

  std::vector<Outcome> bring(const std::vector<Parcel>& parcels,
                             Clock::time_point deadline) override;
  void tend() override;

 private:
  Publication publication_of(const Parcel& parcel, const std::string& body) const;

  BrokerRoute route_;
  Identity identity_;
  Connect connect_;
  std::unique_ptr<Broker> broker_;
};

}  // namespace jetpack::session
