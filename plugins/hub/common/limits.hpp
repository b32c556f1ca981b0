// The table of what the hub's clients may use: connections, threads, memory and time.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/named_values.hpp"

namespace jetpack::hub {

// The defaults. plugins/hub/README.md says what each one limits.
struct Limits {
  uint64_t connections = 16'384;
  uint64_t connections_per_address = 1024;
  uint64_t connections_per_account = 64;
  uint64_t requests = 192;
  uint64_t requests_per_account = 16;
  uint64_t requests_for_administrators = 32;
  uint64_t bodies_mib = 128;
  uint64_t bodies_mib_per_account = 32;
  uint64_t streams = 48;
  uint64_t streams_per_node = 2;
  uint64_t streams_for_administrators = 16;
  uint64_t transfers = 96;
  uint64_t transfers_per_address = 64;
  uint64_t handshake_seconds = 3;
  uint64_t head_seconds = 5;
  uint64_t idle_seconds = 90;  // so that nodes that poll every minute keep theirs
  uint64_t stall_seconds = 10;
  uint64_t bytes_per_second = 4096;
};

using Limit = NamedValue<Limits>;

std::span<const Limit> limit_table();

// Sets what "NAME=VALUE" says. Throws Errc::usage.
void set_limit(Limits& limits, std::string_view text);

// Raises the process's limit of open files as far as the system lets it, and lowers `connections`
// to what is possible with it.
void fit_open_files(Limits& limits);

}  // namespace jetpack::hub
