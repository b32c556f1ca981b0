// Shares of something limited, such as connections, threads or bytes, among those who use it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace jetpack::hub {

// A share would exceed a limit: that of its owner, or that of all together.
class OverLimit : public std::runtime_error {
 public:
  OverLimit(const std::string& text, bool is_own) : std::runtime_error(text), is_own_(is_own) {}
  bool is_own() const noexcept { return is_own_; }
  // After which it may be tried again.
  virtual int64_t retry_seconds() const noexcept { return is_own_ ? 5 : 2; }

 private:
  bool is_own_;
};

// May be used from any thread. Outlives its shares.
class Quota {
 public:
  // `each`: the most of one owner. `kept`: what is left of `total` for administrators, whom `each`
  // does not limit.
  struct Size {
    uint64_t total, each, kept;
  };

  // `what`: for errors, such as "event streams".
  Quota(std::string what, Size size) : what_(std::move(what)), size_(size) {}
  Quota(const Quota&) = delete;
  Quota& operator=(const Quota&) = delete;

  // Given back when it is destroyed.
  class Share {
   public:
    Share(Quota& quota, std::string owner, uint64_t amount)
        : quota_(&quota), owner_(std::move(owner)), amount_(amount) {}
    Share(Share&& other) noexcept
        : quota_(std::exchange(other.quota_, nullptr)),
          owner_(std::move(other.owner_)),
          amount_(other.amount_) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(quota_, other.quota_);
      std::swap(owner_, other.owner_);
      std::swap(amount_, other.amount_);
      return *this;
    }
    ~Share() {
      if (quota_ != nullptr) quota_->give_back(owner_, amount_);
    }

    const std::string& owner() const { return owner_; }

   private:
    Quota* quota_;
    std::string owner_;
    uint64_t amount_;
  };

  // Throws OverLimit.
  Share take(const std::string& owner, bool is_administrator, uint64_t amount = 1);

 private:
  void give_back(const std::string& owner, uint64_t amount);

  std::string what_;
  Size size_;
  std::mutex mutex_;
  uint64_t taken_ = 0;
  std::map<std::string, uint64_t> by_owner_;
};

}  // namespace jetpack::hub
