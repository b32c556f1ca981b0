// Logs refused requests without letting their sender fill the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "support/log_file.hpp"

namespace jetpack::hub {

// Warns of the refusals of each address once a minute, with the number of those in between. For
// several threads.
class RefusalLog {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RefusalLog(const support::LogFile& log,
                      std::function<Clock::time_point()> now = Clock::now)
      : log_(log), now_(std::move(now)) {}

  // `address`: without the port, which differs with each connection; or an account.
  void warn(const std::string& address, const std::string& text);

 private:
  struct Sender {
    Clock::time_point last{};
    uint64_t unlogged = 0;
  };

  const support::LogFile& log_;
  std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::map<std::string, Sender> senders_;
};

}  // namespace jetpack::hub
