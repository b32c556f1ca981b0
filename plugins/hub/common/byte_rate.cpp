// How many bytes each sender may send in an hour.
#include "common/byte_rate.hpp"

#include <algorithm>
#include <cmath>

#include "common/storage_quotas.hpp"

namespace jetpack::hub {

namespace {

constexpr double seconds_in_hour = 3600;
// Above this number, those who sent nothing for long are forgotten.
constexpr size_t many_senders = 4096;

}  // namespace

double ByteRate::left_of(const Sent& sent, Clock::time_point now) const {
  const double seconds = std::chrono::duration<double>(now - sent.at).count();
  return std::max(0.0,
                  sent.bytes - seconds * static_cast<double>(bytes_per_hour_) / seconds_in_hour);
}

// Counts them, or returns after how many seconds they would be let through.
int64_t ByteRate::count(const std::string& sender, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto now = now_();
  auto found = senders_.find(sender);
  if (found == senders_.end()) {
    if (senders_.size() >= many_senders)
      std::erase_if(senders_, [&](const auto& known) { return left_of(known.second, now) == 0; });
    found = senders_.emplace(sender, Sent{now, 0}).first;
  }
  const double after = left_of(found->second, now) + static_cast<double>(bytes);
  const auto most = static_cast<double>(bytes_per_hour_);
  if (after > most) return static_cast<int64_t>(std::ceil((after - most) * seconds_in_hour / most));
  found->second = {now, after};
  return 0;
}

ByteRate::Taken ByteRate::take(const std::string& sender, uint64_t bytes) {
  if (const int64_t seconds = count(sender, bytes); seconds > 0)
    throw OverRate("the quota " + quota_ + " of " + std::to_string(bytes_per_hour_ / bytes_in_mib) +
                       " MiB is used up; retry in " + std::to_string(seconds) +
                       " s, send less, or raise it with 'jetpack hub serve --quota'",
                   seconds);
  return {*this, sender, bytes};
}

void ByteRate::give_back(const std::string& sender, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = senders_.find(sender);
  if (found == senders_.end()) return;
  found->second.bytes = std::max(0.0, found->second.bytes - static_cast<double>(bytes));
}

}  // namespace jetpack::hub
