// Writes incoming messages to the database: many senders, one commit.
#include "store/intake.hpp"

#include <utility>

#include <jetpack/error.hpp>
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_messages_in_commit = 10'000;

size_t count_messages(const std::vector<Delivery*>& deliveries) {
  size_t count = 0;
  for (const auto* delivery : deliveries) count += delivery->messages.size();
  return count;
}

uint32_t to_log_level(std::string_view level) {
  if (level == "error") return JP_LEVEL_ERROR;
  return level == "warn" ? JP_LEVEL_WARNING : JP_LEVEL_INFO;
}

// Writes the log messages among them, each with the name of its node.
void log_messages(LogShares& shares, const Account& account, const std::vector<Message>& messages,
                  const std::vector<size_t>& indexes) {
  const std::string origin = "[" + account.cluster + "/" + account.node + "] ";
  std::vector<support::LogEntry> entries;
  for (const size_t index : indexes)
    if (const auto& entry = messages[index].log)
      entries.push_back({to_log_level(entry->level),
                         origin + support::one_line(entry->text),
                         {"hub serve", account.cluster, account.node}});
  if (!entries.empty()) shares.write(account.name, std::move(entries));
}

}  // namespace

void Intake::store(std::vector<Delivery*> deliveries) {
  Ticket ticket{std::move(deliveries), false, nullptr};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&ticket);
  done_.wait(lock, [&] { return ticket.is_done || !has_leader_; });
  while (!ticket.is_done) {
    lead(lock);
    done_.wait(lock, [&] { return ticket.is_done || !has_leader_; });
  }
  lock.unlock();
  if (ticket.failure) std::rethrow_exception(ticket.failure);
}

// Stores what is waiting, as much as fits into one commit.
void Intake::lead(std::unique_lock<std::mutex>& lock) {
  has_leader_ = true;
  std::vector<Ticket*> tickets;
  size_t messages = 0;
  while (!waiting_.empty() && (tickets.empty() || messages < max_messages_in_commit)) {
    messages += count_messages(waiting_.front()->deliveries);
    tickets.push_back(waiting_.front());
    waiting_.pop_front();
  }
  lock.unlock();
  store_together(tickets);
  lock.lock();
  for (auto* ticket : tickets) ticket->is_done = true;
  has_leader_ = false;
  done_.notify_all();
}

// If they fail together, each is tried alone, so that one cannot block the others.
void Intake::store_together(const std::vector<Ticket*>& tickets) {
  std::vector<Delivery*> all;
  for (const auto* ticket : tickets)
    all.insert(all.end(), ticket->deliveries.begin(), ticket->deliveries.end());
  try {
    return commit(all);
  } catch (...) {
    if (tickets.size() == 1) {
      tickets.front()->failure = std::current_exception();
      return;
    }
  }
  for (auto* ticket : tickets) {
    try {
      commit(ticket->deliveries);
    } catch (...) {
      ticket->failure = std::current_exception();
    }
  }
}

void Intake::commit(const std::vector<Delivery*>& deliveries) {
  database_.write("storing messages", [&](Transaction& transaction) {
    apply_deliveries(transaction, deliveries, keep_);
  });
  for (const auto* delivery : deliveries)
    log_messages(log_shares_, delivery->account, delivery->messages, delivery->fresh);
}

}  // namespace jetpack::hub
