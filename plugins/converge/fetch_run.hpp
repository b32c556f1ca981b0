// Fetches several specs at once: each by a thread, of which there are few.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <jetpack/storage.hpp>
#include "support/script_environment.hpp"

namespace jetpack::converge {

// What became of a spec.
struct FetchedSpec {
  const support::Spec* spec = nullptr;
  Synced all;  // of both parts
  bool has_scripts = false, has_chef = false;
  std::chrono::milliseconds elapsed{0};
  std::exception_ptr failure = nullptr;
};

// Where a spec comes from, and the directories for its parts; an empty one is not wanted.
struct FetchTarget {
  std::string prefix;
  std::string scripts, chef;
};

class FetchRun {
 public:
  using TargetOf = std::function<FetchTarget(const support::Spec&)>;
  // Called by the thread that waits, about ten times a second: bytes of what has begun, and
  // warnings since the last call.
  using Watch =
      std::function<void(uint64_t done, uint64_t total, const std::vector<std::string>& warnings)>;

  // Begins. The specs must outlive it.
  FetchRun(const Storage& storage, const std::vector<support::Spec>& specs, TargetOf target_of);
  ~FetchRun() { is_failed_ = true; }
  FetchRun(const FetchRun&) = delete;
  FetchRun& operator=(const FetchRun&) = delete;

  void wait(const Watch& watch);

  // After wait: in the order of the specs those that were fetched, and last the first that failed.
  const std::vector<FetchedSpec>& results() const { return results_; }

 private:
  struct Job {
    FetchedSpec result;
    std::atomic<uint64_t> done = 0, total = 0;
    bool is_complete = false;
  };

  void work();
  void fetch(Job& job);
  bool sync(Job& job, const std::string& prefix, const std::string& to);
  void end(Job& job);
  void collect();

  const Storage& storage_;
  TargetOf target_of_;
  std::vector<Job> jobs_;
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> is_failed_ = false;  // or nobody waits: what runs ends
  std::mutex mutex_;                     // of what follows
  std::condition_variable ended_;
  size_t running_ = 0;
  Job* failed_ = nullptr;
  std::vector<std::string> warnings_;
  std::vector<FetchedSpec> results_;
  std::vector<std::jthread> threads_;  // last: they end before all else
};

}  // namespace jetpack::converge
