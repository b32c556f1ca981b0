// jetpack/error.hpp: what a service call or a command throws. [thread-safe]
#pragma once

#include <jetpack/detail/requirements.hpp>

#include <jetpack/abi.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace jetpack {

enum class Errc : int32_t {
  failed = JP_FAILED,
  usage = JP_USAGE,
  not_found = JP_NOT_FOUND,
  corrupt = JP_CORRUPT,
  denied = JP_DENIED,
  unavailable = JP_UNAVAILABLE,
  unsupported = JP_UNSUPPORTED,
  internal = JP_INTERNAL,
};

// Thrown by every service call that fails, and by a command to fail with a message. The first line
// of the text stands alone: what was being done, to what, what was found, what to do next. Further
// lines are details.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& text) : std::runtime_error(text), code_(code) {}

  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

}  // namespace jetpack
