// The table of what may be stored: blobs and messages, by node, by cluster and in all.
#include "common/storage_quotas.hpp"

#include <array>

namespace jetpack::hub {

namespace {

constexpr uint64_t most_mib = uint64_t{1} << 40;
constexpr uint64_t most_hours = 8760;  // a year

constexpr std::array all_quotas{
    NamedValue<StorageQuotas>{"reports-mib-per-node", &StorageQuotas::reports_mib_per_node, 0,
                              most_mib},
    NamedValue<StorageQuotas>{"reports-mib-per-cluster", &StorageQuotas::reports_mib_per_cluster, 0,
                              most_mib},
    NamedValue<StorageQuotas>{"software-mib-per-cluster", &StorageQuotas::software_mib_per_cluster,
                              0, most_mib},
    NamedValue<StorageQuotas>{"unfinished-hours", &StorageQuotas::unfinished_hours, 1, most_hours},
    NamedValue<StorageQuotas>{"disk-reserve-mib", &StorageQuotas::disk_reserve_mib, 0, most_mib},
    NamedValue<StorageQuotas>{"messages-mib", &StorageQuotas::messages_mib, 1, most_mib},
    NamedValue<StorageQuotas>{"messages-mib-per-node", &StorageQuotas::messages_mib_per_node, 1,
                              most_mib},
    // A node's largest request must fit.
    NamedValue<StorageQuotas>{"messages-mib-per-node-and-hour",
                              &StorageQuotas::messages_mib_per_node_and_hour, 16, most_mib},
};

}  // namespace

std::span<const NamedValue<StorageQuotas>> storage_quota_table() { return all_quotas; }

void set_storage_quota(StorageQuotas& quotas, std::string_view text) {
  set_named(quotas, storage_quota_table(), "--quota", "quota", text);
}

std::string shown_mib(uint64_t bytes) {
  const uint64_t tenths = bytes * 10 / bytes_in_mib;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

}  // namespace jetpack::hub
