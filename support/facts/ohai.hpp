// Runs Debian's or Chef's ohai where it is installed and asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <jetpack/config.hpp>
#include <jetpack/process.hpp>

namespace jetpack::support::facts {

// For Sources::ohai: empty unless the setting cyclecloud.jetpack.ohai is on and a program ohai is
// found; kills it after cyclecloud.jetpack.ohai_timeout seconds. `config` and `process` must outlive
// it.
std::function<std::string()> ohai_runner(const Config& config, const Process& process,
                                         const std::function<void(const std::string&)>& warn);

// What it printed; throws Error with the reason when that cannot be used.
std::string output_of_ohai(ProcessResult result, const std::string& program, int64_t seconds);

}  // namespace jetpack::support::facts
