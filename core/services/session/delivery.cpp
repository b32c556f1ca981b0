// Delivers what is queued in the outbox.
#include "services/session/delivery.hpp"

#include <algorithm>
#include <iterator>
#include <random>

#include <jetpack/error.hpp>
#include "services/session/checks.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;

constexpr size_t max_batch = 500;
constexpr uint64_t max_batch_bytes = 1 << 20;
constexpr milliseconds poll_interval{20};
// An attempt with less time than this would only hide why the one before it failed.
constexpr milliseconds shortest_attempt{200};
// Where an administrator has to act, retrying soon would only be noise for the other side.
constexpr milliseconds rest_when_stopped{60'000};
// Whatever the time of a drain, an exchange that has begun gets this long, and longer for a large
// letter: cut short it would only begin again.
constexpr milliseconds patience{5000};
constexpr uint64_t slowest = 2 << 20;  // bytes per second
// A connection that was not used for so long is worth less than what it costs the other side.
constexpr milliseconds longest_idle{60'000};

milliseconds left_until(Clock::time_point deadline) {
  return std::chrono::ceil<milliseconds>(deadline - Clock::now());
}

milliseconds patience_for(const std::vector<Batch>& batches) {
  uint64_t bytes = 0;
  for (const auto& batch : batches)
    for (const auto& message : batch) bytes += message.data.size();
  return patience + milliseconds{bytes * 1000 / slowest};
}

// A broker takes a batch as a whole, so what a node sent as another one must not spoil it.
bool joins(const Message& message, const Message& other) {
  return message.kind == Kind::message && other.kind == Kind::message &&
         message.from.cluster == other.from.cluster && message.from.node == other.from.node;
}

std::vector<Batch> pack(std::vector<Message> messages) {
  std::vector<Batch> batches;
  for (auto& message : messages) {
    if (batches.empty() || !joins(message, batches.back().front())) batches.emplace_back();
    batches.back().push_back(std::move(message));
  }
  return batches;
}

}  // namespace

milliseconds backoff(unsigned number) {
  constexpr milliseconds first{100};
  constexpr milliseconds most{5000};
  const milliseconds longest = std::min(most, first * (1 << std::min(number, 8u)));
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<int64_t> any(longest.count() / 2, longest.count());
  return milliseconds{any(random)};
}

Delivery::Delivery(Outbox& outbox, Options options)
    : outbox_(outbox), options_(std::move(options)) {
  queues_[0].route = Route::server;
  queues_[0].kinds = {Kind::letter_to_server};
  queues_[1].route = Route::broker;
  queues_[1].kinds = {Kind::letter_to_broker};
  queues_[options_.messages == Route::server ? 0 : 1].kinds.push_back(Kind::message);
}

Delivery::Queue& Delivery::queue_of(Kind kind) {
  const auto& kinds = queues_[0].kinds;
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end() ? queues_[0] : queues_[1];
}

std::string Delivery::busy() const {
  return "another process is delivering: " + support::FileLock::holder(options_.lock_path);
}

std::optional<std::string> Delivery::deliver(Message& message, Clock::time_point deadline) {
  Queue& queue = queue_of(message.kind);
  for (;;) {
    if (auto lock = support::FileLock::attempt(options_.lock_path, 0660))
      return deliver_until_gone(queue, message, deadline) ? std::nullopt : std::optional(queue.why);
    if (outbox_.state_of(message) != Outbox::State::waiting) return std::nullopt;
    if (left_until(deadline) <= milliseconds::zero()) return busy();
    options_.pause(std::min(poll_interval, left_until(deadline)));
  }
}

// True when the message is no longer waiting. Called with the lock held.
bool Delivery::deliver_until_gone(Queue& queue, Message& message, Clock::time_point deadline) {
  unsigned attempt = 0;
  while (outbox_.state_of(message) == Outbox::State::waiting) {
    if (left_until(deadline) <= milliseconds::zero()) return false;
    switch (deliver_next(queue, deadline)) {
      case Progress::done:
      case Progress::empty:
        attempt = 0;
        continue;
      case Progress::stopped:
        return false;
      case Progress::failed:
        break;
    }
    const milliseconds time = std::max(queue.retry_after, backoff(attempt++));
    if (time + shortest_attempt >= left_until(deadline)) return false;
    options_.pause(time);
  }
  return true;
}

Drained Delivery::drain(milliseconds time) {
  const auto lock = support::FileLock::attempt(options_.lock_path, 0660);
  if (!lock) return {JP_BUSY, 0, 0, milliseconds::zero(), busy()};
  const auto start = Clock::now();
  delivered_ = dead_ = 0;
  is_draining_ = true;
  outbox_.remove_remembered();
  // What works goes first, so that it does not wait for what may not.
  Queue& first = queues_[1].failures < queues_[0].failures ? queues_[1] : queues_[0];
  Queue& second = first.route == Route::server ? queues_[1] : queues_[0];
  drain_queue(first, outbox_.has(second.kinds) ? start + time / 2 : start + time);
  drain_queue(second, start + time);
  return summary();
}

void Delivery::drain_queue(Queue& queue, Clock::time_point deadline) {
  const bool has_failed = queue.state == Progress::failed || queue.state == Progress::stopped;
  if (has_failed && Clock::now() < queue.not_before && outbox_.has(queue.kinds)) return;
  do {
    queue.state = deliver_next(queue, deadline);
  } while (queue.state == Progress::done && Clock::now() < deadline);

  switch (queue.state) {
    case Progress::done:
      queue.failures = 0;
      return;
    case Progress::empty:
      queue.failures = 0;
      keep_alive(queue);
      outbox_.give_back_space();
      return;
    case Progress::failed:
      queue.not_before = Clock::now() + std::max(queue.retry_after, backoff(queue.failures++));
      return;
    case Progress::stopped:
      ++queue.failures;
      queue.not_before = Clock::now() + rest_when_stopped;
  }
}

void Delivery::keep_alive(Queue& queue) {
  if (!queue.transport) return;
  if (Clock::now() - queue.last_used > longest_idle) {
    queue.transport.reset();
  } else {
    queue.transport->heartbeat();
  }
}

// The outcome that asks for the next call soonest: a queue that is stopped must not make the other
// wait.
Drained Delivery::summary() {
  Drained drained{JP_DRAINED, delivered_, dead_, milliseconds::zero(), ""};
  const auto now = Clock::now();
  for (const auto& queue : queues_) {
    if (queue.state != Progress::failed && queue.state != Progress::stopped) continue;
    drained.note += (drained.note.empty() ? "" : "; ") + queue.why;
    const auto left =
        std::max(milliseconds::zero(), std::chrono::ceil<milliseconds>(queue.not_before - now));
    if (queue.state == Progress::stopped) {
      if (drained.outcome != JP_RETRY) drained.outcome = JP_STOPPED;
    } else {
      const bool is_sooner = drained.outcome != JP_RETRY || left < drained.retry_after;
      if (is_sooner) drained.retry_after = left;
      drained.outcome = JP_RETRY;
    }
  }
  const auto has_more = [](const Queue& queue) { return queue.state == Progress::done; };
  if (std::any_of(queues_.begin(), queues_.end(), has_more)) drained.outcome = JP_MORE;
  if (const auto why = outbox_.remove_remembered()) {
    drained.note += (drained.note.empty() ? "" : "; ") + *why;
    if (drained.outcome == JP_DRAINED) drained.outcome = JP_RETRY;
  }
  return drained;
}

Delivery::Progress Delivery::deliver_next(Queue& queue, Clock::time_point deadline) {
  auto messages = outbox_.oldest(queue.kinds, max_batch, max_batch_bytes);
  if (messages.empty()) return Progress::empty;
  Batch whole;
  for (auto& message : messages) {
    const std::string damage = damage_of(message);
    if (damage.empty()) {
      whole.push_back(std::move(message));
    } else if (!move_to_dead_letters(queue, message, "it was damaged in the outbox: " + damage)) {
      return Progress::failed;
    }
  }
  return whole.empty() ? Progress::done : send(queue, pack(std::move(whole)), deadline);
}

std::vector<Outcome> Delivery::attempt(Queue& queue, const std::vector<Batch>& batches,
                                       Clock::time_point deadline) {
  try {
    if (!queue.transport) queue.transport = options_.connect(queue.route);
    queue.last_used = Clock::now();
    const auto patient = is_draining_ ? queue.last_used + patience_for(batches) : deadline;
    return queue.transport->send(batches, std::max(deadline, patient));
  } catch (const Error& e) {
    return {{e.code() == Errc::unavailable ? Verdict::retry : Verdict::stop, e.what()}};
  }
}

Delivery::Progress Delivery::send(Queue& queue, std::vector<Batch> batches,
                                  Clock::time_point deadline) {
  const auto outcomes = attempt(queue, batches, deadline);
  queue.retry_after = milliseconds::zero();
  Batch accepted;  // not yet removed
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const Outcome& outcome = outcomes[i];
    Batch& batch = batches[i];
    if (outcome.verdict == Verdict::accepted) {
      std::move(batch.begin(), batch.end(), std::back_inserter(accepted));
      continue;
    }
    forget(accepted);
    accepted.clear();
    if (outcome.verdict == Verdict::refused && batch.size() > 1 && !outcome.message)
      return send_halves(queue, batch, deadline);
    if (outcome.verdict == Verdict::refused) {
      const Message& meant = batch[outcome.message.value_or(0)];
      if (!move_to_dead_letters(queue, meant, outcome.why)) return Progress::failed;
      // The rest of the batch is still the oldest that waits.
      if (batch.size() > 1) return Progress::done;
      continue;
    }
    queue.why = outcome.why;
    queue.retry_after = outcome.retry_after;
    return outcome.verdict == Verdict::stop ? Progress::stopped : Progress::failed;
  }
  forget(accepted);
  return Progress::done;
}

// Something in the batch is refused; the rest must not wait for it.
Delivery::Progress Delivery::send_halves(Queue& queue, const Batch& batch,
                                         Clock::time_point deadline) {
  const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
  const Progress first = send(queue, {{batch.begin(), middle}}, deadline);
  return first == Progress::done ? send(queue, {{middle, batch.end()}}, deadline) : first;
}

void Delivery::forget(const Batch& delivered) {
  if (delivered.empty()) return;
  outbox_.remove(delivered);
  delivered_ += delivered.size();
}

// False when there is no room to keep why it was refused.
bool Delivery::move_to_dead_letters(Queue& queue, const Message& message, const std::string& why) {
  try {
    outbox_.move_to_dead_letters(message, why);
  } catch (const Error& e) {
    queue.why = e.what();
    return false;
  }
  ++dead_;
  options_.warn((message.kind == Kind::message ? "message " : "letter ") + message.id +
                " is kept as a dead letter: " + why);
  return true;
}

}  // namespace jetpack::session
