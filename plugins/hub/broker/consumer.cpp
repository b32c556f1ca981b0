// Consumes the nodes' messages from the broker into the database.
#include "broker/consumer.hpp"

#include <algorithm>
#include <optional>
#include <random>

#include <jetpack/error.hpp>
#include "store/account_table.hpp"
#include "store/message_table.hpp"
#include "store/messages.hpp"
#include "support/backoff.hpp"
#include "support/log_file.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

using namespace std::chrono_literals;

namespace {

constexpr size_t max_letter = 8 << 20;  // as over HTTPS
// Limits of one commit: messages of the broker, and bytes.
constexpr size_t max_batch = 128;
constexpr size_t max_batch_bytes = 16 << 20;
constexpr auto listen_time = 250ms;  // between looks at whether to stop
constexpr auto first_pause = 200ms;
constexpr auto longest_pause = 5000ms;

// A message that can never be applied.
class Unusable : public Error {
 public:
  explicit Unusable(const std::string& why) : Error(Errc::usage, why) {}
};

std::vector<Message> parse(const BrokerMessage& message) {
  if (message.is_too_large)
    throw Unusable("it exceeds the limit of " + std::to_string(max_letter) + " bytes");
  try {
    return parse_messages(message.body);
  } catch (const BadMessages& bad) {
    throw Unusable(bad.what());
  }
}

// Over AMQP a batch itself names its node; what the broker knows of its sender must match.
Delivery read_delivery(SqlSession& session, const BrokerMessage& message) {
  Delivery delivery{{}, "", parse(message), {}};
  if (delivery.messages.empty()) throw Unusable("it contains no messages");
  const Message& first = delivery.messages.front();
  const bool is_of_one =
      std::all_of(delivery.messages.begin(), delivery.messages.end(), [&](const Message& each) {
        return each.cluster == first.cluster && each.node == first.node;
      });
  if (!is_of_one || first.node.empty())
    throw Unusable("its messages must all have the same cluster_name and node_name");
  const std::string name = first.cluster + "/" + first.node;
  const auto account = find_account(session, name);
  if (!account || account->role != Role::node)
    throw Unusable("node '" + support::one_line(name) + "' is not enrolled");
  const auto sender =
      message.user_id.empty() ? std::nullopt : find_account(session, message.user_id);
  if (sender && sender->id != account->id)
    throw Unusable("the broker's user '" + support::one_line(message.user_id) + "' is not '" +
                   name + "'");
  delivery.account = *account;
  return delivery;
}

}  // namespace

Consumer::Consumer(Database& database, Intake& intake, Liveness& liveness,
                   const support::LogFile& log, BrokerAddress address)
    : database_(database),
      intake_(intake),
      liveness_(liveness),
      log_(log),
      address_(std::move(address)),
      failures_(log),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Consumer::run(const std::stop_token& stop) {
  support::Backoff backoff(first_pause, longest_pause, std::random_device{}());
  do {
    try {
      BrokerConnection broker(address_, max_letter);
      log_.info("consuming from the broker " + address_.shown);
      failures_.recovered();
      backoff.reset();
      serve(broker, stop);
    } catch (const Error& error) {
      failures_.failed(error.what());
    }
  } while (pause(stop, backoff.pause()));
}

void Consumer::serve(BrokerConnection& broker, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<BrokerMessage> batch;
    size_t bytes = 0;
    auto message = broker.next(listen_time);
    while (message) {
      bytes += message->body.size();
      batch.push_back(*std::move(message));
      if (batch.size() >= max_batch || bytes >= max_batch_bytes) break;
      message = broker.next(0ms);
    }
    if (!batch.empty()) settle(broker, batch);
  }
}

// All in one commit; where that is not possible, one by one, so that one bad message cannot hold up
// the others.
void Consumer::settle(BrokerConnection& broker, const std::vector<BrokerMessage>& batch) {
  std::vector<std::optional<Delivery>> opened;
  std::vector<std::string> reasons;
  database_.read("looking up accounts", [&](SqlSession& session) {
    for (const auto& message : batch) {
      try {
        opened.emplace_back(read_delivery(session, message));
        reasons.emplace_back();
      } catch (const Unusable& why) {
        opened.emplace_back();
        reasons.emplace_back(why.what());
      }
    }
  });
  std::vector<Delivery*> usable;
  for (auto& delivery : opened)
    if (delivery) usable.push_back(&*delivery);
  for (const auto* delivery : usable)
    liveness_.heard(delivery->account.cluster, delivery->account.node);
  bool is_stored = true;
  try {
    if (!usable.empty()) intake_.store(usable);
  } catch (const Error&) {
    is_stored = false;
  }
  uint64_t last = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!opened[i]) {
      refuse(broker, batch[i], reasons[i]);
    } else if (is_stored) {
      last = batch[i].tag;
    } else {
      settle_one(broker, batch[i], *opened[i]);
    }
  }
  if (last != 0) broker.acknowledge(last);
}

void Consumer::settle_one(BrokerConnection& broker, const BrokerMessage& message,
                          Delivery& delivery) {
  try {
    intake_.store(delivery);
  } catch (const Error& error) {
    // Either the database is down, and this fails too, or the message is at fault.
    database_.write("checking that the database can be written", [](Transaction&) {});
    return refuse(broker, message, error.what());
  }
  broker.acknowledge(message.tag);
}

void Consumer::refuse(BrokerConnection& broker, const BrokerMessage& message,
                      const std::string& why) {
  ++refused_;
  log_.error("rejected a message from the broker with routing key '" +
             support::one_line(message.routing_key) + "', now in jetpack.refused: " + why + " (" +
             std::to_string(refused_) + " since the start)");
  broker.refuse(message.tag);
}

}  // namespace jetpack::hub
