// Delivers a message that could not be queued, while its publisher waits.
#pragma once

#include <functional>
#include <memory>

#include "services/session/transport.hpp"

namespace jetpack::session {

struct DirectDelivery {
  std::function<std::unique_ptr<Transport>()> connect;
  // Waits between attempts; returns at the latest after `time`.
  std::function<void(std::chrono::milliseconds time)> pause;

  // Returns when the message was accepted. Throws Errc::unavailable when it was not until the
  // deadline, Errc::failed when it will not be.
  void deliver(const Message& message, Clock::time_point deadline) const;
};

}  // namespace jetpack::session
