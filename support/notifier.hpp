// Notifies systemd that the service is ready, alive or stopping, by the protocol of sd_notify(3).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "support/files.hpp"

namespace jetpack::support {

// Does nothing when not started by a service manager that expects notifications.
class Notifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them from the environment so
  // that child processes do not inherit them.
  Notifier();

  void notify(std::string_view assignments) const;

  // The interval within which "WATCHDOG=1" is expected; nullopt: no watchdog.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
  std::string address_;
  Fd socket_;
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace jetpack::support
