// Brings what waits in the outbox to its place.
#include "services/session/delivery.hpp"

#include <algorithm>
#include <iterator>
#include <random>

#include <jetpack/error.hpp>
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
// Where a person has to act, trying again soon would only be noise for the other side.
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

milliseconds patience_for(const std::vector<Parcel>& parcels) {
  uint64_t bytes = 0;
  for (const auto& parcel : parcels)
    for (const auto& message : parcel) bytes += message.data.size();
  return patience + milliseconds{bytes * 1000 / slowest};
}

std::vector<Parcel> pack(std::vector<Message> messages) {
  std::vector<Parcel> parcels;
  for (auto& message : messages) {
    const bool joins = !parcels.empty() && message.kind == Kind::message &&
                       parcels.back().front().kind == Kind::message;
    if (!joins) parcels.emplace_back();
    parcels.back().push_back(std::move(message));
  }
  return parcels;
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
  ways_[0].lane = Lane::server;
  ways_[0].kinds = {Kind::letter_to_server};
  ways_[1].lane = Lane::broker;
  ways_[1].kinds = {Kind::letter_to_broker};
  ways_[options_.messages == Lane::server ? 0 : 1].kinds.push_back(Kind::message);
}

Delivery::Way& Delivery::way_of(Kind kind) {
  const auto& kinds = ways_[0].kinds;
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end() ? ways_[0] : ways_[1];
}

std::optional<std::string> Delivery::deliver(Message& message, Clock::time_point deadline) {
  Way& way = way_of(message.kind);
  way.why = "another process is delivering";
  for (;;) {
    if (auto lock = support::FileLock::attempt(options_.lock_path, 0660))
      return deliver_until_gone(way, message, deadline) ? std::nullopt : std::optional(way.why);
    if (outbox_.state_of(message) != Outbox::State::waiting) return std::nullopt;
    if (left_until(deadline) <= milliseconds::zero()) return way.why;
    options_.pause(std::min(poll_interval, left_until(deadline)));
  }
}

// True when the message is no longer waiting. Called with the lock held.
bool Delivery::deliver_until_gone(Way& way, Message& message, Clock::time_point deadline) {
  unsigned attempt = 0;
  while (outbox_.state_of(message) == Outbox::State::waiting) {
    if (left_until(deadline) <= milliseconds::zero()) return false;
    switch (deliver_next(way, deadline)) {
      case Progress::done:
      case Progress::empty:
        attempt = 0;
        continue;
      case Progress::stopped:
        return false;
      case Progress::failed:
        break;
    }
    const milliseconds time = std::max(way.retry_after, backoff(attempt++));
    if (time + shortest_attempt >= left_until(deadline)) return false;
    options_.pause(time);
  }
  return true;
}

Drained Delivery::drain(milliseconds time) {
  const auto lock = support::FileLock::attempt(options_.lock_path, 0660);
  if (!lock) return {JP_BUSY, 0, 0, milliseconds::zero(), "another process is delivering"};
  const auto start = Clock::now();
  delivered_ = dead_ = 0;
  is_draining_ = true;
  outbox_.remove_remembered();
  // What works goes first, so that it does not wait for what may not.
  Way& first = ways_[1].failures < ways_[0].failures ? ways_[1] : ways_[0];
  Way& second = first.lane == Lane::server ? ways_[1] : ways_[0];
  drain_way(first, outbox_.has(second.kinds) ? start + time / 2 : start + time);
  drain_way(second, start + time);
  return summary();
}

void Delivery::drain_way(Way& way, Clock::time_point deadline) {
  const bool has_failed = way.state == Progress::failed || way.state == Progress::stopped;
  if (has_failed && Clock::now() < way.not_before && outbox_.has(way.kinds)) return;
  do {
    way.state = deliver_next(way, deadline);
  } while (way.state == Progress::done && Clock::now() < deadline);

  switch (way.state) {
    case Progress::done:
      way.failures = 0;
      return;
    case Progress::empty:
      way.failures = 0;
      rest(way);
      return;
    case Progress::failed:
      way.not_before = Clock::now() + std::max(way.retry_after, backoff(way.failures++));
      return;
    case Progress::stopped:
      ++way.failures;
      way.not_before = Clock::now() + rest_when_stopped;
  }
}

void Delivery::rest(Way& way) {
  if (!way.carrier) return;
  if (Clock::now() - way.last_used > longest_idle) {
    way.carrier.reset();
  } else {
    way.carrier->tend();
  }
}

// The outcome that asks for the next call soonest: a way that stands still must not make the other
// wait.
Drained Delivery::summary() {
  Drained drained{JP_DRAINED, delivered_, dead_, milliseconds::zero(), ""};
  const auto now = Clock::now();
  for (const auto& way : ways_) {
    if (way.state != Progress::failed && way.state != Progress::stopped) continue;
    drained.note += (drained.note.empty() ? "" : "; ") + way.why;
    const auto left =
        std::max(milliseconds::zero(), std::chrono::ceil<milliseconds>(way.not_before - now));
    if (way.state == Progress::stopped) {
      if (drained.outcome != JP_RETRY) drained.outcome = JP_STOPPED;
    } else {
      const bool is_sooner = drained.outcome != JP_RETRY || left < drained.retry_after;
      if (is_sooner) drained.retry_after = left;
      drained.outcome = JP_RETRY;
    }
  }
  const auto has_more = [](const Way& way) { return way.state == Progress::done; };
  if (std::any_of(ways_.begin(), ways_.end(), has_more)) drained.outcome = JP_MORE;
  if (const auto why = outbox_.remove_remembered()) {
    drained.note += (drained.note.empty() ? "" : "; ") + *why;
    if (drained.outcome == JP_DRAINED) drained.outcome = JP_RETRY;
  }
  return drained;
}

Delivery::Progress Delivery::deliver_next(Way& way, Clock::time_point deadline) {
  auto batch = outbox_.oldest(way.kinds, max_batch, max_batch_bytes);
  if (batch.empty()) return Progress::empty;
  return send(way, pack(std::move(batch)), deadline);
}

std::vector<Outcome> Delivery::bring(Way& way, const std::vector<Parcel>& parcels,
                                     Clock::time_point deadline) {
  try {
    if (!way.carrier) way.carrier = options_.connect(way.lane);
    way.last_used = Clock::now();
    const auto patient = is_draining_ ? way.last_used + patience_for(parcels) : deadline;
    return way.carrier->bring(parcels, std::max(deadline, patient));
  } catch (const Error& e) {
    return {{e.code() == Errc::unavailable ? Verdict::try_later : Verdict::stop, e.what()}};
  }
}

Delivery::Progress Delivery::send(Way& way, std::vector<Parcel> parcels,
                                  Clock::time_point deadline) {
  const auto outcomes = bring(way, parcels, deadline);
  way.retry_after = milliseconds::zero();
  Parcel accepted;  // not yet removed
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const Outcome& outcome = outcomes[i];
    Parcel& parcel = parcels[i];
    if (outcome.verdict == Verdict::accepted) {
      std::move(parcel.begin(), parcel.end(), std::back_inserter(accepted));
      continue;
    }
    forget(accepted);
    accepted.clear();
    if (outcome.verdict == Verdict::refused && parcel.size() > 1)
      return send_halves(way, parcel, deadline);
    if (outcome.verdict == Verdict::refused) {
      if (bury(way, parcel.front(), outcome.why)) continue;
      return Progress::failed;
    }
    way.why = outcome.why;
    way.retry_after = outcome.retry_after;
    return outcome.verdict == Verdict::stop ? Progress::stopped : Progress::failed;
  }
  forget(accepted);
  return Progress::done;
}

// Somewhere in the parcel is what the other side will not take; the rest must not wait for it.
Delivery::Progress Delivery::send_halves(Way& way, const Parcel& parcel,
                                         Clock::time_point deadline) {
  const auto middle = parcel.begin() + static_cast<std::ptrdiff_t>(parcel.size() / 2);
  const Progress first = send(way, {{parcel.begin(), middle}}, deadline);
  return first == Progress::done ? send(way, {{middle, parcel.end()}}, deadline) : first;
}

void Delivery::forget(const Parcel& delivered) {
  if (delivered.empty()) return;
  outbox_.remove(delivered);
  delivered_ += delivered.size();
}

// False when there is no room to keep why it was refused.
bool Delivery::bury(Way& way, const Message& message, const std::string& why) {
  try {
    outbox_.bury(message, why);
  } catch (const Error& e) {
    way.why = e.what();
    return false;
  }
  ++dead_;
  options_.warn((message.kind == Kind::message ? "message " : "letter ") + message.id +
                " is kept as a dead letter: " + why);
  return true;
}

}  // namespace jetpack::session
