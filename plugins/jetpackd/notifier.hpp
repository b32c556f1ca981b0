// What a service tells systemd: ready, alive, stopping. See sd_notify(3) for the protocol.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "support/files.hpp"

namespace jetpack::jetpackd {

// Does nothing where no service manager asked for it.
class Notifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them for processes that are
  // started from here.
  Notifier();

  void tell(std::string_view assignments) const;

  // Within which time "WATCHDOG=1" is expected; nullopt: it is not.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
  std::string address_;
  support::Fd socket_;
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace jetpack::jetpackd
