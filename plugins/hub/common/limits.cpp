// The table of what the hub's clients may use: connections, threads, memory and time.
#include "common/limits.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>

namespace jetpack::hub {

namespace {

constexpr uint64_t max_count = 1'000'000;
constexpr uint64_t max_threads = 4096;
constexpr uint64_t max_seconds = 3600;
constexpr rlim_t max_files = 65'536;
// Files of the database, the log and the blobs.
constexpr uint64_t other_files = 512;

constexpr std::array all_limits{
    Limit{"connections", &Limits::connections, 16, max_count},
    Limit{"connections-per-address", &Limits::connections_per_address, 1, max_count},
    Limit{"connections-per-account", &Limits::connections_per_account, 1, max_count},
    Limit{"requests", &Limits::requests, 4, max_threads},
    Limit{"requests-per-account", &Limits::requests_per_account, 1, max_threads},
    Limit{"requests-for-administrators", &Limits::requests_for_administrators, 0, max_threads},
    Limit{"bodies-mib", &Limits::bodies_mib, 16, max_count},
    Limit{"bodies-mib-per-account", &Limits::bodies_mib_per_account, 8, max_count},
    Limit{"streams", &Limits::streams, 1, max_threads},
    Limit{"streams-per-node", &Limits::streams_per_node, 0, max_threads},
    Limit{"streams-for-administrators", &Limits::streams_for_administrators, 0, max_threads},
    Limit{"transfers", &Limits::transfers, 1, max_threads},
    Limit{"transfers-per-address", &Limits::transfers_per_address, 1, max_threads},
    Limit{"handshake-seconds", &Limits::handshake_seconds, 1, max_seconds},
    Limit{"head-seconds", &Limits::head_seconds, 1, max_seconds},
    Limit{"idle-seconds", &Limits::idle_seconds, 1, max_seconds},
    Limit{"stall-seconds", &Limits::stall_seconds, 1, max_seconds},
    Limit{"bytes-per-second", &Limits::bytes_per_second, 1, max_count},
};

}  // namespace

std::span<const Limit> limit_table() { return all_limits; }

void set_limit(Limits& limits, std::string_view text) {
  set_named(limits, limit_table(), "--client-limit", "limit", text);
  // A thread is left to nodes.
  limits.requests_for_administrators =
      std::min(limits.requests_for_administrators, limits.requests - 1);
}

void fit_open_files(Limits& limits) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const rlim_t wanted = std::min(files.rlim_max, max_files);
  if (files.rlim_cur < wanted) {
    files.rlim_cur = wanted;
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::getrlimit(RLIMIT_NOFILE, &files);
  }
  // Two ports have that many: nodes and blobs.
  const uint64_t rest = files.rlim_cur > other_files ? files.rlim_cur - other_files : 64;
  limits.connections = std::min<uint64_t>(limits.connections, std::max<uint64_t>(rest / 2, 16));
}

}  // namespace jetpack::hub
