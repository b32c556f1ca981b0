// event_feed.hpp: wakes the streams of the cluster page when there are new events.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace hub {

// May be used from any thread.
class EventFeed {
 public:
  // The newest event that was announced.
  int64_t newest() const {
    const std::lock_guard lock(mutex_);
    return newest_;
  }

  void announce(int64_t event) {
    {
      const std::lock_guard lock(mutex_);
      if (event > newest_) newest_ = event;
    }
    changed_.notify_all();
  }

  // Waits until an event after `seen` is announced, the feed is closed, or the time is over.
  // Returns the newest event.
  int64_t wait(int64_t seen, std::chrono::milliseconds longest) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [&] { return closed_ || newest_ > seen; });
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
  int64_t newest_ = 0;
  bool closed_ = false;
};

}  // namespace hub
