// The AMQP 0-9-1 client: publishes with confirms, and never counts as delivered what the broker has
// not confirmed. A module of its own, so that rabbitmq-c and OpenSSL are mapped only when something
// is sent.
#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <jetpack/boundary.hpp>
#include "services/session/amqp_connection.hpp"
#include "services/session/broker.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t max_known_exchanges = 1000;
// A broker that is not blocked and has not confirmed for so long is not there any more.
constexpr seconds longest_confirm{30};

// One message that was written on this connection.
struct Flight {
  std::string id;
  size_t digest = 0;  // of its content, because a batch may grow and keep its first message's id
  uint64_t tag = 0;   // 0: was not written
  AmqpClock::time_point since{};
  bool is_returned = false;
  bool is_settled = false;  // the broker has answered
  PublishStatus status = PublishStatus::unknown;
  uint32_t reply = 0;
  std::string why;
};

size_t digest_of(const PublishParameters& message) {
  return std::hash<std::string_view>{}(boundary::view(message.body));
}

class AmqpClient {
 public:
  explicit AmqpClient(node::BrokerAddress address)
      : address_(std::move(address)), peer_("the broker at " + address_.text()) {}
  ~AmqpClient();
  AmqpClient(const AmqpClient&) = delete;
  AmqpClient& operator=(const AmqpClient&) = delete;

  void publish(const PublishParameters* messages, size_t count, milliseconds timeout,
               PublishResult* results);
  void heartbeat();

 private:
  void connect(AmqpClock::time_point deadline);
  void drop();
  std::string publish_all(const PublishParameters* messages, size_t count,
                          AmqpClock::time_point deadline);
  void launch(const PublishParameters& message, AmqpClock::time_point deadline);
  bool is_missing(const std::string& exchange, AmqpClock::time_point deadline);
  void wait_for_all(AmqpClock::time_point deadline);
  void handle(const AmqpConnection::Event& event);
  void settle(Flight& flight, AmqpConnection::Event::Type type) const;
  void blame(const ClosedByBroker& closed);
  Flight* find(const PublishParameters& message);
  bool has_waiting() const;
  bool is_overdue() const;
  void hand_over(const PublishParameters* messages, size_t count, const std::string& why,
                 PublishResult* results);

  node::BrokerAddress address_;
  std::string peer_;
  std::unique_ptr<AmqpConnection> connection_;
  // What was written on this connection and not yet reported. What the broker has not confirmed in
  // time stays here, so that the same message is waited for and not written twice.
  std::deque<Flight> flights_;
  uint64_t last_tag_ = 0;
  std::set<std::string> exchanges_;  // known to exist
  // One at a time, because one of several has made the broker close the channel.
  bool is_careful_ = false;
};

AmqpClient::~AmqpClient() {
  if (connection_ && !has_waiting()) connection_->close();
}

void AmqpClient::connect(AmqpClock::time_point deadline) {
  if (connection_) heartbeat();
  if (connection_) return;
  connection_ = std::make_unique<AmqpConnection>(address_, deadline);
}

void AmqpClient::drop() {
  connection_.reset();
  last_tag_ = 0;
  exchanges_.clear();
}

void AmqpClient::heartbeat() {
  if (!connection_) return;
  try {
    while (const auto event = connection_->receive(AmqpClock::now())) handle(*event);
  } catch (const Error&) {
    // It ended while nothing was to be done; the next publish makes another.
    flights_.clear();
    drop();
  }
}

bool AmqpClient::has_waiting() const {
  return std::any_of(flights_.begin(), flights_.end(),
                     [](const Flight& flight) { return !flight.is_settled; });
}

bool AmqpClient::is_overdue() const {
  if (!connection_ || !connection_->blocked().empty()) return false;
  const auto oldest = AmqpClock::now() - longest_confirm;
  return std::any_of(flights_.begin(), flights_.end(), [&](const Flight& flight) {
    return !flight.is_settled && flight.since < oldest;
  });
}

Flight* AmqpClient::find(const PublishParameters& message) {
  const auto id = boundary::view(message.message_id);
  const auto found = std::find_if(flights_.begin(), flights_.end(), [&](const Flight& flight) {
    return flight.id == id && flight.digest == digest_of(message);
  });
  return found == flights_.end() ? nullptr : &*found;
}

void AmqpClient::settle(Flight& flight, AmqpConnection::Event::Type type) const {
  if (flight.is_settled) return;
  flight.is_settled = true;
  if (type == AmqpConnection::Event::Type::rejected) {
    flight.why = peer_ + " could not take the message";
  } else {
    // A message that came back is confirmed as well.
    flight.status = flight.is_returned ? PublishStatus::refused : PublishStatus::confirmed;
  }
}

void AmqpClient::handle(const AmqpConnection::Event& event) {
  for (auto& flight : flights_) {
    if (event.type == AmqpConnection::Event::Type::returned) {
      if (flight.id != event.message_id || flight.is_settled) continue;
      flight.is_returned = true;
      flight.reply = event.reply;
    } else if (flight.tag == event.tag || (event.multiple && flight.tag < event.tag)) {
      settle(flight, event.type);
    }
  }
}

// "no queue is bound to ..." is said here, where exchange and key are known.
std::string unroutable_text(const std::string& peer, const PublishParameters& message) {
  const std::string key(boundary::view(message.routing_key));
  const std::string exchange(boundary::view(message.exchange));
  if (exchange.empty())
    return peer + " has no queue '" + key + "', which the default exchange delivers to";
  return "no queue is bound to the exchange '" + exchange + "' of " + peer +
         " with the routing key '" + key + "'";
}

bool AmqpClient::is_missing(const std::string& exchange, AmqpClock::time_point deadline) {
  if (exchange.empty() || exchanges_.contains(exchange)) return false;
  if (!connection_->has_exchange(exchange, deadline)) return true;
  if (exchanges_.size() >= max_known_exchanges) exchanges_.clear();
  exchanges_.insert(exchange);
  return false;
}

// Writes a message that is not yet under queue.
void AmqpClient::launch(const PublishParameters& message, AmqpClock::time_point deadline) {
  Flight flight;
  flight.id = boundary::view(message.message_id);
  flight.digest = digest_of(message);
  flight.since = AmqpClock::now();
  const std::string exchange(boundary::view(message.exchange));
  if (is_missing(exchange, deadline)) {
    flight.is_settled = true;
    flight.status = PublishStatus::refused;
    flight.reply = amqp_reply::not_found;
    flight.why = peer_ + " has no exchange '" + exchange + "'";
    flights_.push_back(std::move(flight));
    return;
  }
  // Known before it is written: the connection may break in the middle.
  flight.tag = ++last_tag_;
  flights_.push_back(std::move(flight));
  connection_->write(message, deadline);
}

void AmqpClient::wait_for_all(AmqpClock::time_point deadline) {
  while (has_waiting() && connection_->blocked().empty()) {
    const auto event = connection_->receive(deadline);
    if (!event && AmqpClock::now() >= deadline) return;
    if (event) handle(*event);
  }
}

// The broker does not say which message it closed the channel for.
void AmqpClient::blame(const ClosedByBroker& closed) {
  std::vector<Flight*> waiting;
  for (auto& flight : flights_)
    if (!flight.is_settled) waiting.push_back(&flight);
  is_careful_ = true;
  if (waiting.size() != 1) return;
  waiting.front()->is_settled = true;
  waiting.front()->status = PublishStatus::refused;
  waiting.front()->reply = closed.reply();
  waiting.front()->why = closed.what();
}

// Returns why not all were written or confirmed; empty when they were.
std::string AmqpClient::publish_all(const PublishParameters* messages, size_t count,
                                    AmqpClock::time_point deadline) {
  try {
    for (size_t i = 0; i < count; ++i) {
      if (!connection_->blocked().empty()) break;
      if (find(messages[i]) == nullptr) launch(messages[i], deadline);
      if (is_careful_) wait_for_all(deadline);
    }
    wait_for_all(deadline);
  } catch (const ClosedByBroker& e) {
    const bool is_for_a_message = e.reply() == amqp_reply::access_refused ||
                                  e.reply() == amqp_reply::not_found || e.reply() == 406;
    if (is_for_a_message) blame(e);
    drop();
    return e.what();
  } catch (const Error& e) {
    drop();
    return e.what();
  }
  if (!connection_->blocked().empty()) return connection_->blocked();
  if (has_waiting()) return peer_ + " did not confirm in time";
  is_careful_ = false;
  return "";
}

void AmqpClient::hand_over(const PublishParameters* messages, size_t count, const std::string& why,
                           PublishResult* results) {
  for (size_t i = 0; i < count; ++i) {
    PublishResult& result = results[i];
    const Flight* flight = find(messages[i]);
    if (flight == nullptr) {
      result.status = static_cast<uint32_t>(PublishStatus::untried);
    } else {
      result.status = static_cast<uint32_t>(flight->status);
      result.reply = flight->reply;
    }
    const bool has_own = flight != nullptr && !flight->why.empty();
    std::string text = has_own ? flight->why : why;
    if (flight != nullptr && flight->is_returned) text = unroutable_text(peer_, messages[i]);
    result.text_size = boundary::copy_text(result.text, sizeof result.text, text);
  }
  // What is settled was reported; without a connection nothing will be.
  if (!connection_) flights_.clear();
  std::erase_if(flights_, [](const Flight& flight) { return flight.is_settled; });
}

void AmqpClient::publish(const PublishParameters* messages, size_t count, milliseconds timeout,
                         PublishResult* results) {
  const auto deadline = AmqpClock::now() + timeout;
  connect(deadline);
  const std::string why = publish_all(messages, count, deadline);
  hand_over(messages, count, why, results);
  if (!is_overdue()) return;
  flights_.clear();
  drop();
}

int32_t open_client(const BrokerParameters* broker, void** self, jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    node::BrokerAddress address;
    address.host = boundary::view(broker->host);
    address.port = broker->port;
    address.is_tls = broker->is_tls != 0;
    address.verify = broker->verify != 0;
    address.username = boundary::view(broker->username);
    address.password = boundary::view(broker->password);
    address.vhost = boundary::view(broker->vhost);
    address.ca_file = boundary::view(broker->ca_file);
    *self = std::make_unique<AmqpClient>(std::move(address)).release();
  });
}

int32_t publish(void* self, const PublishParameters* messages, size_t count, int64_t timeout_ms,
                PublishResult* results, jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    static_cast<AmqpClient*>(self)->publish(messages, count, milliseconds{timeout_ms}, results);
  });
}

void tend_client(void* self) noexcept {
  jp_error ignored{};
  static_cast<void>(
      boundary::guard(&ignored, [&] { static_cast<AmqpClient*>(self)->heartbeat(); }));
}

void close_client(void* self) noexcept {
  const std::unique_ptr<AmqpClient> owner(static_cast<AmqpClient*>(self));
}

}  // namespace

}  // namespace jetpack::session

extern "C" JP_EXPORT constexpr jetpack::session::BrokerModule jetpack_broker_v1 = {
    sizeof(jetpack::session::BrokerModule), 0,
    &jetpack::session::open_client,         &jetpack::session::publish,
    &jetpack::session::tend_client,         &jetpack::session::close_client};
