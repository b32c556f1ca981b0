// Wakes the event streams of the cluster page when the database has something new.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "store/database.hpp"

namespace jetpack::hub {

// May be used from any thread.
class EventFeed {
 public:
  // The newest announced position.
  Position newest() const {
    const std::lock_guard lock(mutex_);
    return newest_;
  }

  void announce(const Position& position) {
    {
      const std::lock_guard lock(mutex_);
      newest_.message = std::max(newest_.message, position.message);
      newest_.change = std::max(newest_.change, position.change);
    }
    changed_.notify_all();
  }

  // Waits until something after `seen` is announced, the feed is closed, or `longest` has passed.
  // Returns the newest announced position.
  Position wait(const Position& seen, std::chrono::milliseconds longest) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [&] {
      return closed_ || newest_.message > seen.message || newest_.change > seen.change;
    });
    return newest_;
  }

  // Ends every wait, now and later.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

  bool is_closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Position newest_;
  bool closed_ = false;
};

}  // namespace jetpack::hub
