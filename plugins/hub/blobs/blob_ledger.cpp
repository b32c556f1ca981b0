// Counts the bytes of blobs by node, cluster and container, and what is being uploaded.
#include "blobs/blob_ledger.hpp"

#include <algorithm>
#include <vector>

#include "blobs/blob_error.hpp"
#include "blobs/blob_names.hpp"

namespace jetpack::hub {

namespace {

// One of those that a blob counts for.
struct Owner {
  std::string key, shown;
  const char* quota;
  uint64_t StorageQuotas::*limit;
  const char* remedy;
};

constexpr const char* remedy_for_reports = "remove reports with 'jetpack hub blob remove'";
constexpr const char* remedy_for_software = "remove blobs with 'jetpack hub blob remove'";

std::vector<Owner> owners_of(const BlobUse& use) {
  if (use.container == reports_container && use.blob.starts_with(reports_directory)) {
    const size_t begin = reports_directory.size();
    const size_t middle = std::min(use.blob.find('/', begin), use.blob.size());
    const size_t end = std::min(use.blob.find('/', middle + 1), use.blob.size());
    const std::string cluster = use.blob.substr(begin, middle - begin);
    const std::string node = use.blob.substr(begin, end - begin);
    return {{"node " + node, "the reports of node " + node, "reports-mib-per-node",
             &StorageQuotas::reports_mib_per_node, remedy_for_reports},
            {"cluster " + cluster, "the reports of cluster " + cluster, "reports-mib-per-cluster",
             &StorageQuotas::reports_mib_per_cluster, remedy_for_reports}};
  }
  return {{"container " + use.container, "the blobs of container " + use.container,
           "software-mib-per-cluster", &StorageQuotas::software_mib_per_cluster,
           remedy_for_software}};
}

void reduce(BlobLedger::Totals& totals, const std::string& key, uint64_t bytes) {
  const auto found = totals.find(key);
  if (found == totals.end()) return;
  found->second -= std::min(found->second, bytes);
  if (found->second == 0) totals.erase(found);
}

uint64_t value_in(const BlobLedger::Totals& totals, const std::string& key) {
  const auto found = totals.find(key);
  return found == totals.end() ? 0 : found->second;
}

}  // namespace

uint64_t bytes_on_disk(uint64_t size) {
  constexpr uint64_t unit = 4096;
  return std::max(unit, (size + unit - 1) / unit * unit);
}

uint64_t BlobLedger::Charge::wrote(uint64_t bytes) {
  const uint64_t charged = std::min(bytes, unwritten_);
  unwritten_ -= charged;
  ledger_->written(charged);
  return bytes - charged;
}

BlobLedger::Charge BlobLedger::charge(BlobUse use, uint64_t bytes, uint64_t credit,
                                      bool is_administrator) {
  const auto owners = owners_of(use);
  bytes = bytes_on_disk(bytes);
  const std::lock_guard lock(mutex_);
  for (const auto& owner : owners) {
    const uint64_t used = value_in(stored_, owner.key) + value_in(in_flight_, owner.key);
    const uint64_t most = quotas_.*owner.limit * bytes_in_mib;
    if (is_administrator || used - std::min(used, credit) + bytes <= most) continue;
    throw BlobError(413, "QuotaExceeded",
                    "the quota " + std::string(owner.quota) + " of " + std::to_string(most >> 20) +
                        " MiB would be exceeded: " + owner.shown + " use " + shown_mib(used) +
                        ", this adds " + shown_mib(bytes) + "; " + owner.remedy +
                        ", or raise it with 'jetpack hub serve --quota'");
  }
  for (const auto& owner : owners) in_flight_[owner.key] += bytes;
  unwritten_ += bytes;
  return {*this, std::move(use), bytes};
}

void BlobLedger::end(const BlobUse& use, uint64_t bytes, uint64_t unwritten) {
  const std::lock_guard lock(mutex_);
  for (const auto& owner : owners_of(use)) reduce(in_flight_, owner.key, bytes);
  unwritten_ -= unwritten;
}

void BlobLedger::written(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  unwritten_ -= bytes;
}

void BlobLedger::add(const BlobUse& use, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  count(stored_, use, bytes);
}

void BlobLedger::subtract(const BlobUse& use, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  for (const auto& owner : owners_of(use)) reduce(stored_, owner.key, bytes);
}

void BlobLedger::count(Totals& totals, const BlobUse& use, uint64_t bytes) {
  for (const auto& owner : owners_of(use)) totals[owner.key] += bytes;
}

void BlobLedger::replace(Totals totals) {
  const std::lock_guard lock(mutex_);
  stored_ = std::move(totals);
}

uint64_t BlobLedger::unwritten() const {
  const std::lock_guard lock(mutex_);
  return unwritten_;
}

}  // namespace jetpack::hub
