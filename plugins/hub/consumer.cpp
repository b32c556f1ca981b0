// consumer.cpp: see consumer.hpp.
#include "consumer.hpp"

#include "account_table.hpp"
#include "message_table.hpp"
#include "messages.hpp"
#include "text.hpp"

#include <jetpack/error.hpp>

#include <algorithm>
#include <optional>
#include <vector>

namespace hub {

using jetpack::Errc;
using jetpack::Error;
using namespace std::chrono_literals;

namespace {

constexpr size_t max_letter = 8U << 20U;  // as over HTTPS
// What goes into one commit: so many messages of the broker, or so many bytes.
constexpr size_t max_batch = 128;
constexpr size_t max_batch_bytes = 16U << 20U;
constexpr auto listen_time = 250ms;  // between looks at whether to stop
constexpr auto first_pause = 200ms;
constexpr auto longest_pause = 5000ms;

// A message that no attempt will ever apply.
class Unusable : public Error {
 public:
  explicit Unusable(const std::string& why) : Error(Errc::usage, why) {}
};

// The messages of one node, and its account.
struct Letter {
  Account account;
  std::vector<Message> messages;
  std::vector<size_t> fresh;  // the indexes of those that were new
};

std::vector<Message> parse(const BrokerMessage& message) {
  if (message.is_too_large) throw Unusable("it exceeds " + std::to_string(max_letter) + " bytes");
  try {
    return parse_messages(message.body);
  } catch (const BadMessages& bad) {
    throw Unusable(bad.what());
  }
}

// Over AMQP a batch says itself whose it is; what the broker knows of its sender must agree.
Letter open_letter(Session& session, const BrokerMessage& message) {
  Letter letter{{}, parse(message), {}};
  if (letter.messages.empty()) throw Unusable("it holds no messages");
  const Message& first = letter.messages.front();
  const bool is_of_one =
      std::all_of(letter.messages.begin(), letter.messages.end(), [&](const Message& each) {
        return each.cluster == first.cluster && each.node == first.node;
      });
  if (!is_of_one || first.node.empty())
    throw Unusable("its messages must name one cluster_name and one node_name");
  const std::string name = first.cluster + "/" + first.node;
  const auto account = find_account(session, name);
  if (!account || account->role != Role::node)
    throw Unusable("no node '" + one_line(name) + "' is enrolled");
  const auto sender =
      message.user_id.empty() ? std::nullopt : find_account(session, message.user_id);
  if (sender && sender->id != account->id)
    throw Unusable("the broker's user '" + one_line(message.user_id) + "' is another than '" +
                   name + "'");
  letter.account = *account;
  return letter;
}

void apply_letter(Transaction& transaction, Letter& letter, int64_t keep) {
  letter.fresh = apply_messages(transaction, letter.account, "", letter.messages, keep);
}

}  // namespace

Consumer::Consumer(Database& database, ApplicationLog& log, BrokerAddress address, int64_t keep)
    : database_(database), log_(log), address_(std::move(address)), keep_(keep), thread_([this] {
        run();
      }) {}

Consumer::~Consumer() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stopping_.notify_all();
  thread_.join();
}

bool Consumer::is_stopped() {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

// Whether to go on after it.
bool Consumer::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !stopping_.wait_for(lock, time, [this] { return stopped_; });
}

void Consumer::run() {
  std::chrono::milliseconds wait = first_pause;
  while (!is_stopped()) {
    try {
      BrokerConnection broker(address_, max_letter);
      log_.write("info", "consuming from the broker " + address_.shown);
      last_failure_.clear();
      wait = first_pause;
      serve(broker);
    } catch (const Error& error) {
      if (last_failure_ != error.what()) log_.write("error", error.what());
      last_failure_ = error.what();
    }
    if (!pause(wait)) return;
    wait = std::min<std::chrono::milliseconds>(wait * 2, longest_pause);
  }
}

void Consumer::serve(BrokerConnection& broker) {
  while (!is_stopped()) {
    std::deque<BrokerMessage> batch;
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
void Consumer::settle(BrokerConnection& broker, const std::deque<BrokerMessage>& batch) {
  std::deque<Letter> letters;
  try {
    database_.write("storing messages from the broker", [&](Transaction& transaction) {
      letters.clear();
      for (const auto& message : batch) {
        letters.push_back(open_letter(transaction.session(), message));
        apply_letter(transaction, letters.back(), keep_);
      }
    });
  } catch (const Error&) {
    for (const auto& message : batch) settle_one(broker, message);
    return;
  }
  for (const auto& letter : letters)
    log_messages(log_, letter.account, letter.messages, letter.fresh);
  broker.acknowledge(batch.back().tag);
}

void Consumer::settle_one(BrokerConnection& broker, const BrokerMessage& message) {
  try {
    Letter letter;
    database_.write("storing a message from the broker", [&](Transaction& transaction) {
      letter = open_letter(transaction.session(), message);
      apply_letter(transaction, letter, keep_);
    });
    log_messages(log_, letter.account, letter.messages, letter.fresh);
    broker.acknowledge(message.tag);
  } catch (const Unusable& why) {
    refuse(broker, message, why.what());
  } catch (const Error& error) {
    // Either the database is away, which this shows by failing, or it is this message.
    database_.write("seeing whether the database takes anything", [](Transaction&) {});
    refuse(broker, message, error.what());
  }
}

void Consumer::refuse(BrokerConnection& broker, const BrokerMessage& message,
                      const std::string& why) {
  ++refused_;
  log_.write("error", "refused a message of the broker with the routing key '" +
                          one_line(message.routing_key) + "', now in jetpack.refused: " + why +
                          " (" + std::to_string(refused_) + " since the start)");
  broker.refuse(message.tag);
}

}  // namespace hub
