// Counts the bytes of blobs by node, cluster and container, and what is being uploaded.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "common/storage_quotas.hpp"

namespace jetpack::hub {

// What counts for one blob, or for a block of it.
struct BlobUse {
  std::string container, blob;
};

// What a file of this size takes on the disk, so that many empty ones are not free.
uint64_t bytes_on_disk(uint64_t size);

// Running totals; a scan of the disk corrects them now and then, as other processes change it too.
// May be used from any thread. Outlives its charges.
class BlobLedger {
 public:
  using Totals = std::map<std::string, uint64_t>;

  explicit BlobLedger(const StorageQuotas& quotas) : quotas_(quotas) {}
  BlobLedger(const BlobLedger&) = delete;
  BlobLedger& operator=(const BlobLedger&) = delete;

  // The bytes of an upload while it lasts; given back when it is destroyed.
  class Charge {
   public:
    Charge(BlobLedger& ledger, BlobUse use, uint64_t bytes)
        : ledger_(&ledger), use_(std::move(use)), bytes_(bytes), unwritten_(bytes) {}
    Charge(Charge&& other) noexcept
        : ledger_(std::exchange(other.ledger_, nullptr)),
          use_(std::move(other.use_)),
          bytes_(other.bytes_),
          unwritten_(other.unwritten_) {}
    Charge& operator=(Charge&&) = delete;
    ~Charge() {
      if (ledger_ != nullptr) ledger_->end(use_, bytes_, unwritten_);
    }

    // Notes that so much of it is on the disk; how much exceeds what was charged.
    uint64_t wrote(uint64_t bytes);

   private:
    BlobLedger* ledger_;
    BlobUse use_;
    uint64_t bytes_, unwritten_;
  };

  // For an upload of so many bytes, which frees `credit` bytes when it is complete. Throws a
  // BlobError when it would exceed a quota, unless it is the administrator's.
  Charge charge(BlobUse use, uint64_t bytes, uint64_t credit, bool is_administrator);

  void add(const BlobUse& use, uint64_t bytes);
  void subtract(const BlobUse& use, uint64_t bytes);

  // Adds a file that a scan has found.
  static void count(Totals& totals, const BlobUse& use, uint64_t bytes);
  void replace(Totals totals);

  // What is charged and not on the disk yet.
  uint64_t unwritten() const;

 private:
  void end(const BlobUse& use, uint64_t bytes, uint64_t unwritten);
  void written(uint64_t bytes);

  StorageQuotas quotas_;
  mutable std::mutex mutex_;
  Totals stored_, in_flight_;
  uint64_t unwritten_ = 0;
};

}  // namespace jetpack::hub
