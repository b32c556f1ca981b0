// Which services this jetpack offers, without starting one.
#pragma once

#include <array>
#include <string_view>

#include <jetpack/abi.h>

namespace jetpack {

inline constexpr std::array<std::string_view, 7> offered_services = {
    JP_CONFIG, JP_SESSION, JP_STORAGE, JP_PROCESS, JP_LOG, JP_CONDITIONS, JP_SELF};

inline constexpr bool is_offered(std::string_view service) {
  for (const auto offered : offered_services)
    if (offered == service) return true;
  return false;
}

}  // namespace jetpack
