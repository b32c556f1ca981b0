// Shares of something limited, such as connections, threads or bytes, among those who use it.
#include "common/quota.hpp"

#include <algorithm>

namespace jetpack::hub {

Quota::Share Quota::take(const std::string& owner, bool is_administrator, uint64_t amount) {
  const std::lock_guard lock(mutex_);
  const auto found = by_owner_.find(owner);
  const uint64_t own = found == by_owner_.end() ? 0 : found->second;
  if (!is_administrator && own + amount > size_.each)
    throw OverLimit("too many " + what_ + " of one " + "client (limit " +
                        std::to_string(size_.each) + "); retry later",
                    true);
  const uint64_t open =
      is_administrator ? size_.total : size_.total - std::min(size_.kept, size_.total);
  if (taken_ + amount > open)
    throw OverLimit("too many " + what_ + " (limit " + std::to_string(open) + "); retry later",
                    false);
  taken_ += amount;
  by_owner_[owner] += amount;
  return {*this, owner, amount};
}

void Quota::give_back(const std::string& owner, uint64_t amount) {
  const std::lock_guard lock(mutex_);
  taken_ -= amount;
  const auto found = by_owner_.find(owner);
  if ((found->second -= amount) == 0) by_owner_.erase(found);
}

}  // namespace jetpack::hub
