// Delivers the messages in the outbox: at once when one is queued, with back-off while it fails.
#include "jetpackd/deliverer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <jetpack/error.hpp>
#include "support/times.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The time limit of one attempt: short while all is well, so that other work gets its turn; longer
// once a server has turned out to be slow.
constexpr milliseconds usual_timeout{3000}, slow_timeout{15'000};
constexpr milliseconds pause_while_busy{200};
constexpr milliseconds least_retry{500}, most_retry{60'000};
constexpr milliseconds least_stopped{60'000}, most_stopped{600'000};

}  // namespace

Deliverer::Deliverer(boost::asio::io_context& loop, jetpack::Session session, Board& board,
                     support::LogFile& log, Options options)
    : session_(session),
      board_(board),
      log_(log),
      options_(std::move(options)),
      timer_(loop),
      retry_(least_retry, most_retry, options_.seed),
      stopped_backoff_(least_stopped, most_stopped, options_.seed + 1),
      timeout_(usual_timeout) {
  schedule(milliseconds{0});
}

void Deliverer::wake() {
  is_woken_ = true;
  polls_ = 0;
  schedule(milliseconds{0});
}

void Deliverer::reset() {
  retry_.reset();
  stopped_backoff_.reset();
  schedule(milliseconds{0});
}

void Deliverer::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

bool Deliverer::drain(milliseconds time) {
  const auto end = steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    if (left <= milliseconds::zero()) return false;
    const auto result = deliver(std::min(left, slow_timeout));
    if (result.outcome == JP_DRAINED) {
      note_success();
      return true;
    }
    if (result.outcome == JP_MORE) continue;
    note_failure(result);
    return false;
  }
}

jetpack::Delivered Deliverer::deliver(milliseconds time) {
  jetpack::Delivered result;
  try {
    result = session_.deliver(time);
  } catch (const Error& e) {
    const bool needs_person = e.code() == Errc::denied || e.code() == Errc::corrupt ||
                              e.code() == Errc::not_found || e.code() == Errc::unsupported;
    result.outcome = needs_person ? JP_STOPPED : JP_RETRY;
    result.note = e.what();
  }
  board_.note_progress();
  if (result.messages > 0) board_.note_contact();
  board_.update([&](State& state) {
    state.delivered += result.messages;
    state.dead += result.dead;
  });
  if (result.dead > 0)
    log_.error(std::to_string(result.dead) +
               (result.dead == 1 ? " message was" : " messages were") +
               " rejected by the server; see 'jetpack status'");
  return result;
}

void Deliverer::attempt() {
  const bool was_woken = std::exchange(is_woken_, false);
  const auto result = deliver(timeout_);
  switch (result.outcome) {
    case JP_DRAINED:
      note_success();
      timeout_ = usual_timeout;
      return schedule(until_next_poll());
    case JP_MORE:
      return schedule(milliseconds{0});
    case JP_BUSY:
      return schedule(pause_while_busy);
    case JP_RETRY:
    case JP_STOPPED:
      // A new message neither delays nor speeds up the next retry.
      if (!is_failing_ || !was_woken) next_try_ = steady_clock::now() + after_failure(result);
      return schedule(std::chrono::ceil<milliseconds>(next_try_ - steady_clock::now()));
  }
}

// We are woken when a process writes to the outbox, but the message can be read only once it is
// synced, and nothing announces that.
milliseconds Deliverer::until_next_poll() {
  constexpr std::array polls{milliseconds{5},   milliseconds{20},  milliseconds{60},
                             milliseconds{200}, milliseconds{600}, milliseconds{2000}};
  if (polls_ < polls.size()) return polls.at(polls_++);
  options_.idle();
  return options_.poll;
}

void Deliverer::schedule(milliseconds pause) {
  if (is_stopped_) return;
  timer_.expires_after(pause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) attempt();
  });
}

milliseconds Deliverer::after_failure(const jetpack::Delivered& result) {
  note_failure(result);
  timeout_ = slow_timeout;
  auto& backoff = result.outcome == JP_STOPPED ? stopped_backoff_ : retry_;
  return backoff.pause(result.retry_after);
}

void Deliverer::note_failure(const jetpack::Delivered& result) {
  is_failing_ = true;
  const bool needs_person = result.outcome == JP_STOPPED;
  const std::string now = support::iso_8601(std::chrono::system_clock::now());
  bool is_new = false;
  board_.update([&](State& state) {
    ++state.retries;
    is_new = state.failure.text != result.note;
    const bool is_first = state.failure.text.empty();
    state.failure = {result.note, is_first ? now : state.failure.since, needs_person};
  });
  if (!is_new) return;
  options_.changed();
  const std::string text = "cannot deliver messages: " + result.note;
  if (needs_person) return log_.error(text);
  log_.warning(text);
}

void Deliverer::note_success() {
  if (!is_failing_) return;
  is_failing_ = false;
  retry_.reset();
  stopped_backoff_.reset();
  board_.update([](State& state) { state.failure = {}; });
  log_.info("delivering messages again");
  options_.changed();
}

}  // namespace jetpack::jetpackd
