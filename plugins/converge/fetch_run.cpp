// Fetches several specs at once.
#include "converge/fetch_run.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "converge/configuration.hpp"

namespace jetpack::converge {

namespace {

using Clock = std::chrono::steady_clock;

// Each transfers several blobs at once, too. With 4 of them a locker of many small specs is no faster
// than rclone, with 8 it takes nine tenths of the time.
constexpr size_t most_threads = 8;
constexpr std::chrono::milliseconds interval{100};

}  // namespace

FetchRun::FetchRun(const Storage& storage, const std::vector<support::Spec>& specs,
                   TargetOf target_of)
    : storage_(storage), target_of_(std::move(target_of)), jobs_(specs.size()) {
  for (size_t i = 0; i < specs.size(); ++i) jobs_[i].result.spec = &specs[i];
  running_ = std::min(specs.size(), most_threads);
  for (size_t i = 0; i < running_; ++i) threads_.emplace_back([this] { work(); });
}

void FetchRun::work() {
  for (size_t i = next_++; i < jobs_.size() && !is_failed_; i = next_++) {
    Job& job = jobs_[i];
    const auto start = Clock::now();
    try {
      fetch(job);
    } catch (...) {
      job.result.failure = std::current_exception();
    }
    job.result.elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    end(job);
  }
  const std::lock_guard lock(mutex_);
  --running_;
  ended_.notify_all();
}

// What fails after the first was ended because of it.
void FetchRun::end(Job& job) {
  const std::lock_guard lock(mutex_);
  job.is_complete = !job.result.failure;
  if (job.is_complete || failed_ != nullptr) return;
  failed_ = &job;
  is_failed_ = true;
}

void FetchRun::fetch(Job& job) {
  const FetchTarget target = target_of_(*job.result.spec);
  if (job.result.spec->version.empty()) throw Error(Errc::corrupt, "its version is missing");
  job.result.has_scripts = sync(job, target.prefix + "cluster-init", target.scripts);
  job.result.has_chef = !target.chef.empty() && sync(job, target.prefix + "chef", target.chef);
}

// False when there is nothing below the prefix; then it is not on disk either.
bool FetchRun::sync(Job& job, const std::string& prefix, const std::string& to) {
  const uint64_t done_before = job.done, total_before = job.total;
  SyncOptions options;
  options.progress = [&](uint64_t done, uint64_t total) {
    job.done = done_before + done;
    job.total = total_before + total;
    return !is_failed_;
  };
  const auto warn = [this](const std::string& text) {
    const std::lock_guard lock(mutex_);
    warnings_.push_back(text);
  };
  try {
    retried(warn, [&] {
      if (is_failed_) throw Error(Errc::failed, "it was cancelled");
      const auto synced = storage_.sync(prefix, to, options);
      Synced& all = job.result.all;
      all.files += synced.files;
      all.transferred += synced.transferred;
      all.transferred_bytes += synced.transferred_bytes;
      all.removed += synced.removed;
    });
    return true;
  } catch (const Error& e) {
    if (e.code() != Errc::not_found) throw;
    std::error_code ignored;
    std::filesystem::remove_all(to, ignored);
    return false;
  }
}

void FetchRun::wait(const Watch& watch) {
  std::unique_lock lock(mutex_);
  while (running_ > 0) {
    ended_.wait_for(lock, interval, [this] { return running_ == 0; });
    const auto warnings = std::exchange(warnings_, {});
    lock.unlock();
    uint64_t done = 0, total = 0;
    for (const Job& job : jobs_) {
      done += job.done;
      total += job.total;
    }
    watch(done, total, warnings);
    lock.lock();
  }
  lock.unlock();
  collect();
}

void FetchRun::collect() {
  for (Job& job : jobs_)
    if (job.is_complete) results_.push_back(std::move(job.result));
  if (failed_ != nullptr) results_.push_back(std::move(failed_->result));
}

}  // namespace jetpack::converge
