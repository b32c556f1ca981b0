// Shares of something limited, such as connections, threads or bytes, among those who use it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/portion.hpp"

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

  using Share = Portion<Quota>;

  // Throws OverLimit.
  Share take(const std::string& owner, bool is_administrator, uint64_t amount = 1);

 private:
  friend Share;
  void give_back(const std::string& owner, uint64_t amount);

  std::string what_;
  Size size_;
  std::mutex mutex_;
  uint64_t taken_ = 0;
  std::map<std::string, uint64_t> by_owner_;
};

}  // namespace jetpack::hub
