// A thread for what may take long and what nobody waits for.
#include "jetpackd/errands.hpp"

#include <utility>

#include "jetpackd/threads.hpp"

namespace jetpack::jetpackd {

Errands::~Errands() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void Errands::add(std::function<void()> errand) {
  const std::lock_guard lock(mutex_);
  if (is_stopping_) return;
  errands_.push_back(std::move(errand));
  is_busy_ = true;
  if (!thread_.joinable()) thread_ = without_signals([this] { run(); });
  added_.notify_one();
}

void Errands::stop() {
  const std::lock_guard lock(mutex_);
  is_stopping_ = true;
  errands_.clear();
  added_.notify_one();
}

void Errands::run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (errands_.empty()) {
      is_busy_ = false;
      added_.wait(lock);
      continue;
    }
    const auto errand = std::move(errands_.front());
    errands_.pop_front();
    lock.unlock();
    errand();
    lock.lock();
  }
  is_busy_ = false;
}

}  // namespace jetpack::jetpackd
