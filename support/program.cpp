// Finds the file of the running program, and which run of the machine this is.
#include "support/program.hpp"

#include <sys/auxv.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <string_view>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/text.hpp"

namespace jetpack::support {

std::string program_path() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size > 0) return {path.data(), static_cast<size_t>(size)};
  // What was executed, as its caller named it: see getauxval(3).
  const auto* executed = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  for (const char* name : {executed, static_cast<const char*>(program_invocation_name)}) {
    const bool is_path = name != nullptr && std::string_view(name).find('/') != std::string::npos;
    if (is_path && ::realpath(name, path.data()) != nullptr) return path.data();
  }
  return {};
}

std::string boot_id() {
  try {
    return std::string(trimmed(read_file("/proc/sys/kernel/random/boot_id", 100).value_or("")));
  } catch (const Error&) {
    return {};
  }
}

int64_t boot_time() {
  constexpr size_t most = 4 << 20;  // a line for each interrupt of each processor
  constexpr std::string_view name = "\nbtime ";
  int64_t time = 0;
  try {
    const std::string counters = read_file("/proc/stat", most).value_or("");
    const size_t found = counters.find(name);
    if (found != std::string::npos)
      std::from_chars(counters.data() + found + name.size(), counters.data() + counters.size(),
                      time);
  } catch (const Error&) {
    return 0;
  }
  return time;
}

}  // namespace jetpack::support
