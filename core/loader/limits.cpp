// What a plugin that runs in a process of its own may use.
#include "loader/limits.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include <jetpack/error.hpp>
#include "loader/bare_calls.hpp"
#include "support/files.hpp"

namespace jetpack {

namespace {

// Where the caller has a lower limit, that stays.
void set_limit(int resource, const char* name, std::optional<uint64_t> value) {
  if (!value || *value == Limits::unlimited) return;
  rlimit limit{};
  bare::limit(resource, nullptr, &limit);
  limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(*value, limit.rlim_max);
  if (bare::limit(resource, &limit, nullptr) != 0)
    throw Error(Errc::unsupported, std::string("its limit of ") + name +
                                       " cannot be set: " + support::system_message(errno));
}

}  // namespace

void Limits::apply() const {
  constexpr uint64_t second = 1000;
  set_limit(RLIMIT_DATA, "memory", memory);
  set_limit(RLIMIT_NOFILE, "files", files);
  set_limit(RLIMIT_CPU, "cpu",
            cpu_ms && *cpu_ms != unlimited ? std::optional((*cpu_ms + second - 1) / second)
                                           : std::nullopt);
}

}  // namespace jetpack
