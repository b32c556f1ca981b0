// What a hub does now and then while it serves: looks after its certificate, and tells the service
// manager that it is alive.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "common/served_certificate.hpp"
#include "store/database.hpp"
#include "support/log_file.hpp"
#include "support/notifier.hpp"

namespace jetpack::hub {

// For one thread.
class Upkeep {
 public:
  struct Parts {
    Database& database;
    const support::LogFile& log;
    ServedCertificate& certificate;
    const support::Notifier& notifier;
    std::function<void()> renew;     // the certificate, where it is the hub's own to renew
    std::function<bool()> is_alive;  // for the watchdog
  };

  explicit Upkeep(Parts parts) : parts_(std::move(parts)) {}

  // How long the next call of tick() may be put off.
  std::chrono::milliseconds interval() const;
  void tick();
  // Looks at the certificate now.
  void reload();

 private:
  using Clock = std::chrono::steady_clock;

  void warn_of_expiry();

  Parts parts_;
  Clock::time_point next_look_ = Clock::now();
  Clock::time_point next_warning_ = Clock::now();
};

}  // namespace jetpack::hub
