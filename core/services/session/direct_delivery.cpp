// Delivers a message that could not be queued, while its publisher waits.
#include "services/session/direct_delivery.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "services/session/delivery.hpp"

namespace jetpack::session {

namespace {

Outcome attempt(std::unique_ptr<Transport>& transport, const DirectDelivery& direct,
                const Message& message, Clock::time_point deadline) {
  try {
    if (!transport) transport = direct.connect();
    return transport->send({{message}}, deadline).front();
  } catch (const Error& e) {
    return {e.code() == Errc::unavailable ? Verdict::retry : Verdict::stop, e.what()};
  }
}

}  // namespace

void DirectDelivery::deliver(const Message& message, Clock::time_point deadline) const {
  std::unique_ptr<Transport> transport;
  for (unsigned attempts = 0;; ++attempts) {
    const Outcome outcome = attempt(transport, *this, message, deadline);
    if (outcome.verdict == Verdict::accepted) return;
    if (outcome.verdict != Verdict::retry) throw Error(Errc::failed, outcome.why);
    const auto rest = std::max(outcome.retry_after, backoff(attempts));
    if (Clock::now() + rest >= deadline) throw Error(Errc::unavailable, outcome.why);
    pause(rest);
  }
}

}  // namespace jetpack::session
