// Empties the outbox: at once when something is queued, and patiently while nobody takes it.
#include "jetpackd/deliverer.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "support/times.hpp"

namespace jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds slice{1000};  // of one call, so that other work gets its turn
constexpr milliseconds pause_while_busy{200};
constexpr milliseconds least_retry{500}, most_retry{60'000};
constexpr milliseconds least_stopped{60'000}, most_stopped{600'000};
// How soon a new message may cause an attempt while another lane fails.
constexpr milliseconds gate_while_failing{1000}, gate_while_stopped{10'000};

}  // namespace

Deliverer::Deliverer(boost::asio::io_context& loop, jetpack::Session session, Board& board,
                     support::LogFile& log, Options options)
    : session_(session),
      board_(board),
      log_(log),
      options_(options),
      timer_(loop),
      retry_(least_retry, most_retry, options.seed),
      stopped_backoff_(least_stopped, most_stopped, options.seed + 1) {
  schedule(milliseconds{0});
}

void Deliverer::wake() {
  if (!is_failing_) return schedule(milliseconds{0});
  // A dead broker must not hold up the server, nor the reverse; with one of them there is nothing
  // to gain.
  const auto now = steady_clock::now();
  if (now >= not_before_ && timer_.expiry() > now && has_two_lanes()) schedule(milliseconds{0});
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
    const auto result = deliver(std::min(left, slice));
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
               " messages were refused for good; jetpack status says why");
  return result;
}

void Deliverer::attempt() {
  const auto result = deliver(slice);
  switch (result.outcome) {
    case JP_DRAINED:
      note_success();
      return schedule(options_.poll);
    case JP_MORE:
      return schedule(milliseconds{0});
    case JP_BUSY:
      return schedule(pause_while_busy);
    case JP_RETRY:
    case JP_STOPPED:
      return schedule(after_failure(result));
  }
}

void Deliverer::schedule(milliseconds pause) {
  if (is_stopped_) return;
  timer_.expires_after(pause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) attempt();
  });
}

milliseconds Deliverer::after_failure(const jetpack::Delivered& result) {
  const bool stopped = result.outcome == JP_STOPPED;
  note_failure(result);
  const auto gate = stopped ? gate_while_stopped : gate_while_failing;
  not_before_ = steady_clock::now() + std::max(gate, result.retry_after);
  return (stopped ? stopped_backoff_ : retry_).pause(result.retry_after);
}

void Deliverer::note_failure(const jetpack::Delivered& result) {
  is_failing_ = true;
  const bool needs_person = result.outcome == JP_STOPPED;
  const std::string now = support::iso_8601(std::chrono::system_clock::now());
  bool is_news = false;
  board_.update([&](State& state) {
    ++state.retries;
    is_news = state.failure.text != result.note;
    const bool is_first = state.failure.text.empty();
    state.failure = {result.note, is_first ? now : state.failure.since, needs_person};
  });
  if (!is_news) return;
  const std::string text = "messages wait: " + result.note;
  if (needs_person) return log_.error(text);
  log_.warning(text);
}

void Deliverer::note_success() {
  if (!is_failing_) return;
  is_failing_ = false;
  retry_.reset();
  stopped_backoff_.reset();
  board_.update([](State& state) { state.failure = {}; });
  log_.info("messages are delivered again");
}

bool Deliverer::has_two_lanes() const {
  try {
    return session_.identity("broker").has_value();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace jetpackd
