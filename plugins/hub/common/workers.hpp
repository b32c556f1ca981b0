// Threads that handle what is submitted, created when they are needed.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace jetpack::hub {

// Submitting is for any thread.
template <class Job>
class Workers {
 public:
  // Jobs of `second` start after those of `first`, and leave some threads to these.
  enum class Lane { first, second };

  // `most` threads, of which `kept` never handle jobs of the second lane.
  Workers(size_t most, size_t kept, std::function<void(Job)> handle)
      : most_(most), most_second_(most - kept), handle_(std::move(handle)) {}
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() { stop(); }

  void submit(Job job, Lane lane) {
    {
      const std::lock_guard lock(mutex_);
      (lane == Lane::first ? first_ : second_).push_back(std::move(job));
      if (idle_.size() + waking_ < first_.size() + second_.size() && threads_.size() < most_)
        threads_.emplace_back([this] { run(); });
      wake_one();
    }
  }

  // For a job of the first lane: goes on with `rest` as one of the second, on the same thread. False
  // when it would have to wait for its turn there.
  template <class Rest>
  bool go_on_as_second(Rest rest) {
    {
      const std::lock_guard lock(mutex_);
      if (!second_.empty() || running_second_ >= most_second_) return false;
      ++running_second_;
    }
    rest();
    const std::lock_guard lock(mutex_);
    leave_second();
    return true;
  }

  // Returns when everything that was submitted is handled.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      wake_all();
    }
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  // A thread that has nothing to do.
  struct Idle {
    std::condition_variable woken;
    bool is_woken = false;
  };

  // The one that was idle for the shortest time: what it works with is still in the caches.
  void wake_one() {
    if (idle_.empty()) return;
    Idle& thread = *idle_.back();
    idle_.pop_back();
    ++waking_;
    thread.is_woken = true;
    thread.woken.notify_one();
  }

  void wake_all() {
    while (!idle_.empty()) wake_one();
  }

  void wait(std::unique_lock<std::mutex>& lock, Idle& self) {
    self.is_woken = false;
    idle_.push_back(&self);
    self.woken.wait(lock, [&self] { return self.is_woken; });
    --waking_;
  }

  bool has_second() const { return !second_.empty() && running_second_ < most_second_; }

  void run() {
    Idle self;
    std::unique_lock lock(mutex_);
    while (true) {
      if (first_.empty() && !has_second()) {
        if (stopped_ && second_.empty()) return;
        wait(lock, self);
        continue;
      }
      const Lane lane = first_.empty() ? Lane::second : Lane::first;
      auto& jobs = lane == Lane::first ? first_ : second_;
      Job job = std::move(jobs.front());
      jobs.pop_front();
      if (lane == Lane::second) ++running_second_;
      lock.unlock();
      handle_(std::move(job));
      lock.lock();
      if (lane == Lane::second) leave_second();
    }
  }

  void leave_second() {
    --running_second_;
    if (stopped_)
      wake_all();
    else if (!second_.empty())
      wake_one();
  }

  size_t most_, most_second_;
  std::function<void(Job)> handle_;
  std::mutex mutex_;
  std::deque<Job> first_, second_;
  std::vector<std::thread> threads_;
  std::vector<Idle*> idle_;  // the last one was busy last
  size_t waking_ = 0, running_second_ = 0;
  bool stopped_ = false;
};

}  // namespace jetpack::hub
