// Trying again, with pauses.
#include "services/http/retry.hpp"

#include <algorithm>
#include <random>

namespace jetpack::http {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_pause{200};
constexpr milliseconds longest_pause{10'000};

}  // namespace

void Halt::set() {
  const std::lock_guard lock(mutex_);
  is_set_ = true;
  changed_.notify_all();
}

void Halt::clear() { is_set_ = false; }

void Halt::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return is_set_.load(); });
}

std::optional<milliseconds> Tries::after(const Retryable& failure) {
  if (++failures_ >= most_) return std::nullopt;
  if (failure.retry_after() > longest_wait) return std::nullopt;
  const milliseconds ceiling =
      std::min(longest_pause, first_pause * (int64_t{1} << std::min(failures_ - 1, 10)));
  // Not a member: to seed it costs more than most requests do where the processor is virtual.
  std::minstd_rand random{std::random_device{}()};
  const milliseconds pause{
      std::uniform_int_distribution<int64_t>(ceiling.count() / 2, ceiling.count())(random)};
  return std::max(pause, milliseconds{failure.retry_after().value_or(std::chrono::seconds{0})});
}

Error Tries::gives_up(const Retryable& failure) const {
  std::string text = failure.what();
  if (failure.retry_after() > longest_wait) {
    text += "; it asks to wait for " + std::to_string(failure.retry_after()->count()) +
            " s, so try again then";
  } else if (failures_ > 1) {
    text += ", in the last of " + std::to_string(failures_) + " tries";
  }
  return {Errc::unavailable, text};
}

}  // namespace jetpack::http
