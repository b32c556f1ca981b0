// The table of what may be stored: blobs and messages, by node, by cluster and in all.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/named_values.hpp"

namespace jetpack::hub {

inline constexpr uint64_t bytes_in_mib = 1 << 20;

// The defaults. plugins/hub/README.md says what each one limits.
struct StorageQuotas {
  uint64_t reports_mib_per_node = 10'240;
  uint64_t reports_mib_per_cluster = 102'400;
  uint64_t software_mib_per_cluster = 1'048'576;
  uint64_t unfinished_hours = 24;
  uint64_t disk_reserve_mib = 1024;
  uint64_t messages_mib = 8192;
  uint64_t messages_mib_per_node = 512;
  uint64_t messages_mib_per_node_and_hour = 1024;
};

std::span<const NamedValue<StorageQuotas>> storage_quota_table();

// Sets what "NAME=VALUE" says. Throws Errc::usage.
void set_storage_quota(StorageQuotas& quotas, std::string_view text);

// "12.5 MiB".
std::string shown_mib(uint64_t bytes);

}  // namespace jetpack::hub
