// Consumes the nodes' messages from the broker into the database.
#include "broker/consumer.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>

#include <jetpack/error.hpp>
#include "store/account_table.hpp"
#include "store/message_table.hpp"
#include "store/messages.hpp"
#include "store/sent_messages.hpp"
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
constexpr auto listen_time = 250ms;        // between looks at whether to stop
constexpr auto balance_interval = 1000ms;  // between looks at which other hubs there are
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

// A message of the broker that was read.
struct Letter {
  std::vector<Message> messages;  // of one node
  std::string account, sender;    // names; the sender's as the broker knows it, or ""
};

// Over AMQP a batch itself names its node.
Letter open_letter(const BrokerMessage& message) {
  Letter letter{parse(message), "", message.user_id};
  if (letter.messages.empty()) throw Unusable("it contains no messages");
  const Message& first = letter.messages.front();
  const bool is_of_one =
      std::all_of(letter.messages.begin(), letter.messages.end(), [&](const Message& each) {
        return each.cluster == first.cluster && each.node == first.node;
      });
  if (!is_of_one || first.node.empty())
    throw Unusable("its messages must all have the same cluster_name and node_name");
  letter.account = first.cluster + "/" + first.node;
  return letter;
}

struct Batch {
  std::vector<BrokerMessage> messages;
  bool is_all = false;  // that has been delivered
};

// What has come, as much as one commit takes.
Batch next_batch(BrokerConnection& broker) {
  Batch batch;
  size_t bytes = 0;
  std::chrono::milliseconds longest = listen_time;
  while (batch.messages.size() < max_batch && bytes < max_batch_bytes) {
    auto message = broker.next(longest);
    if (!message) {
      batch.is_all = true;
      break;
    }
    longest = 0ms;
    bytes += message->body.size();
    batch.messages.push_back(*std::move(message));
  }
  return batch;
}

// What the broker knows of the sender must match.
Delivery check_sender(Letter letter, const std::unordered_map<std::string, Account>& accounts) {
  const auto account = accounts.find(letter.account);
  if (account == accounts.end() || account->second.role != Role::node)
    throw Unusable("node '" + support::one_line(letter.account) + "' is not enrolled");
  const auto sender = accounts.find(letter.sender);
  if (sender != accounts.end() && sender->second.id != account->second.id)
    throw Unusable("the broker's user '" + support::one_line(letter.sender) + "' is not '" +
                   letter.account + "'");
  try {
    require_permitted(account->second, letter.messages);
  } catch (const BadMessages& bad) {
    throw Unusable(bad.what());
  }
  return {account->second, "", std::move(letter.messages), {}};
}

}  // namespace

Consumer::Consumer(const Services& services, BrokerAddress address)
    : services_(services),
      address_(std::move(address)),
      refusals_(services.log),
      failures_(services.log),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Consumer::run(const std::stop_token& stop) {
  support::Backoff backoff(first_pause, longest_pause, std::random_device{}());
  do {
    try {
      BrokerConnection broker(address_, max_letter);
      // Another hub may have the queues as soon as this ends; the broker then keeps it waiting until
      // the connection ends, and what is unsettled comes before the rest.
      QueueShare share(services_.database.address(), broker.identity(), BrokerConnection::queues);
      services_.log.info("consuming from the broker " + address_.shown);
      failures_.recovered();
      backoff.reset();
      serve(broker, share, stop);
    } catch (const Error& error) {
      failures_.failed(error.what());
    }
  } while (pause(stop, backoff.pause()));
}

// Consumes more queues or fewer, as other hubs go or come; those that it ended to consume.
std::vector<int> Consumer::balance(BrokerConnection& broker, QueueShare& share) {
  auto change = share.balance();
  for (const int queue : change.taken) broker.consume(queue);
  for (const int queue : change.excess) broker.cancel(queue);
  if (!change.taken.empty() || !change.excess.empty())
    services_.log.info("consuming " + std::to_string(share.held() - change.excess.size()) + " of " +
                       std::to_string(BrokerConnection::queues) +
                       " queues (hubs: " + std::to_string(share.hubs()) + ")");
  return change.excess;
}

// A queue goes to another hub when all that this one had of it is settled: so the order of a node's
// messages is kept.
void Consumer::serve(BrokerConnection& broker, QueueShare& share, const std::stop_token& stop) {
  std::vector<int> leaving;
  size_t before_leaving = 0;  // messages that may be of them
  auto next_balance = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    if (leaving.empty() && std::chrono::steady_clock::now() >= next_balance) {
      leaving = balance(broker, share);
      before_leaving = BrokerConnection::prefetch;
      next_balance = std::chrono::steady_clock::now() + balance_interval;
    }
    const Batch batch = next_batch(broker);
    if (!batch.messages.empty()) settle(broker, batch.messages);
    before_leaving -=
        batch.is_all ? before_leaving : std::min(before_leaving, batch.messages.size());
    if (before_leaving > 0) continue;
    for (const int queue : std::exchange(leaving, {})) share.give_back(queue);
  }
}

// Leaves out what exceeds the bytes of its node.
void Consumer::count_bytes(Opened& opened, size_t bytes) {
  try {
    opened.counted = services_.message_rate.take(opened.delivery->account.name, bytes);
  } catch (const OverRate& over) {
    opened.reason = over.what();
    opened.is_over_quota = true;
  }
}

// In the order of the batch. Their accounts are looked up together.
std::vector<Consumer::Opened> Consumer::open(const std::vector<BrokerMessage>& batch) {
  std::vector<Opened> all(batch.size());
  std::vector<Letter> letters(batch.size());
  std::set<std::string> names;
  for (size_t i = 0; i < batch.size(); ++i) {
    try {
      letters[i] = open_letter(batch[i]);
      names.insert(letters[i].account);
      if (!letters[i].sender.empty()) names.insert(letters[i].sender);
    } catch (const Unusable& why) {
      all[i].reason = why.what();
    }
  }
  const auto accounts = services_.database.read(
      "looking up accounts", [&](SqlSession& session) { return find_accounts(session, names); });
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!all[i].reason.empty()) continue;
    try {
      all[i].delivery = check_sender(std::move(letters[i]), accounts);
      count_bytes(all[i], batch[i].body.size());
    } catch (const Unusable& why) {
      all[i].reason = why.what();
    }
  }
  return all;
}

// All in one commit; where that is not possible, one by one, so that one bad message cannot hold up
// the others.
void Consumer::settle(BrokerConnection& broker, const std::vector<BrokerMessage>& batch) {
  auto opened = open(batch);
  std::vector<Delivery*> usable;
  for (auto& each : opened)
    if (each.counted) usable.push_back(&*each.delivery);
  for (const auto& each : opened)
    if (each.delivery)
      services_.liveness.heard(each.delivery->account.cluster, each.delivery->account.node);
  bool is_stored = true;
  try {
    if (!usable.empty()) services_.intake.store(usable);
  } catch (const Error&) {
    is_stored = false;
  }
  uint64_t last = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!opened[i].counted) {
      refuse(broker, batch[i], opened[i]);
    } else if (is_stored) {
      opened[i].counted->keep();
      last = batch[i].tag;
    } else {
      settle_one(broker, batch[i], opened[i]);
    }
  }
  if (last != 0) broker.acknowledge(last);
}

void Consumer::settle_one(BrokerConnection& broker, const BrokerMessage& message, Opened& opened) {
  try {
    services_.intake.store(*opened.delivery);
  } catch (const Error& error) {
    // Either the database is down, and this fails too, or the message is at fault.
    services_.database.write("checking that the database can be written", [](Transaction&) {});
    opened.reason = error.what();
    return refuse(broker, message, opened);
  }
  opened.counted->keep();
  broker.acknowledge(message.tag);
}

void Consumer::refuse(BrokerConnection& broker, const BrokerMessage& message,
                      const Opened& opened) {
  ++(opened.is_over_quota ? services_.counters.broker_over_quota
                          : services_.counters.broker_invalid);
  refusals_.warn(opened.delivery
                     ? opened.delivery->account.name
                     : "the routing key '" + support::one_line(message.routing_key) + "'",
                 "moved a message to jetpack.refused (" + opened.reason + ")");
  broker.refuse(message.tag);
}

}  // namespace jetpack::hub
