// The error of what finds no room on the hub's disk.
#pragma once

#include <string>

#include <jetpack/error.hpp>

namespace jetpack::hub {

// Clients get 507 with `reason`; the text is for the log.
class DiskFull : public Error {
 public:
  explicit DiskFull(const std::string& text,
                    std::string reason =
                        "the disk of the hub is full, so that nothing was stored; "
                        "make room there and retry")
      : Error(Errc::unavailable, text), reason_(std::move(reason)) {}
  const std::string& reason() const noexcept { return reason_; }

 private:
  std::string reason_;
};

}  // namespace jetpack::hub
