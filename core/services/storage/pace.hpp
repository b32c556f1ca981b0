// Keeps those who receive a blob from running far ahead of the one who computes its MD5.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace jetpack::storage {

// What is received earlier than it can be hashed ends no download earlier, and takes time on the
// processor, of the server's too where it is the same machine, from the thread that everybody waits
// for. May be used from any thread.
class Pace {
 public:
  // So much may wait to be hashed: many times what arrives while a connection that has paused starts
  // again.
  static constexpr uint64_t most_ahead = 16 << 20;

  explicit Pace(bool is_kept) : is_kept_(is_kept) {}

  // Waits while too much could be hashed. What arrived behind a gap cannot, and makes nobody wait.
  void wait() {
    if (!is_kept_ || !is_ahead()) return;
    std::unique_lock lock(mutex_);
    caught_up_.wait(lock, [this] { return !is_kept_ || !is_ahead(); });
  }

  // So much is there from the beginning on.
  void arrived(uint64_t prefix) { arrived_.store(prefix, std::memory_order_relaxed); }

  void hashed(uint64_t bytes) {
    hashed_.fetch_add(bytes, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    caught_up_.notify_all();
  }

  // From now on nobody waits.
  void end() {
    const std::lock_guard lock(mutex_);
    is_kept_ = false;
    caught_up_.notify_all();
  }

 private:
  bool is_ahead() const {
    return arrived_.load(std::memory_order_relaxed) >
           hashed_.load(std::memory_order_relaxed) + most_ahead;
  }

  std::atomic<bool> is_kept_;
  std::atomic<uint64_t> arrived_ = 0;
  std::atomic<uint64_t> hashed_ = 0;
  std::mutex mutex_;
  std::condition_variable caught_up_;
};

}  // namespace jetpack::storage
