// Finds the file of the running program, and which run of the machine this is.
#include "support/program.hpp"

#include <sys/auxv.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

}  // namespace jetpack::support
