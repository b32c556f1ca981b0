// Downloads many small blobs at once.
#include "services/storage/many.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include <jetpack/error.hpp>
#include "services/storage/md5.hpp"
#include "services/storage/names.hpp"
#include "services/storage/range_guard.hpp"
#include "services/storage/wanted.hpp"
#include "support/encoding.hpp"

namespace jetpack::storage {

namespace {

constexpr std::chrono::milliseconds report_interval{100};
constexpr size_t write_size_of_small = 512 << 10;
// An attempt that fetched at least this much got somewhere.
constexpr uint64_t worth_of_try = 64 << 10;

// One blob on its way into its file. What is incomplete is not kept: it is small.
class SmallFile {
 public:
  SmallFile(const Wanted& wanted, const std::function<void()>& wait)
      : file_(open_partial(wanted, wait)), blob_(wanted.blob) {
    restart();
  }
  SmallFile(const SmallFile&) = delete;
  SmallFile& operator=(const SmallFile&) = delete;
  ~SmallFile() {
    if (!is_finished_) file_.discard();
  }

  uint64_t at() const { return at_; }
  // Where the next request is to end.
  uint64_t end() const { return guard_.range() ? guard_.range()->end : blob_->bytes; }

  void announce(Range range, const std::string& crc64) { guard_.open(range, crc64); }

  // To be called when a response ended: whether what arrived is what was sent.
  bool settle() { return !guard_.range() || at_ < guard_.range()->end || guard_.close(); }
  std::string finding() const { return guard_.finding(); }

  void restart() {
    guard_ = {};
    at_ = 0;
    held_.clear();
    md5_ = Md5();
    file_.resume({blob_->name, blob_->etag, blob_->bytes}, true);
  }

  void take(std::string_view data) {
    guard_.add(data);
    md5_.update(data);
    at_ += data.size();
    held_ += data;
    if (held_.size() >= write_size_of_small) flush();
  }

  // Its MD5, hex.
  std::string digest() { return support::hex(md5_.finish()); }

  void finish() {
    flush();
    file_.finish();
    is_finished_ = true;
  }

 private:
  void flush() {
    file_.write_at(at_ - held_.size(), held_);
    held_.clear();
  }

  PartialFile file_;
  const BlobInfo* blob_;
  RangeGuard guard_;
  uint64_t at_ = 0;
  std::string held_;  // the end of it, to be written: pieces from the network are short
  Md5 md5_;
  bool is_finished_ = false;
};

// The transfer, while its threads run.
class Many {
 public:
  Many(Azure& azure, const std::vector<Wanted*>& wanted, OnFailure policy)
      : azure_(&azure), wanted_(&wanted), policy_(policy) {
    for (const Wanted* one : wanted) total_ += one->blob->bytes;
  }

  bool run(const Watch& watch);

 private:
  void work();
  void start();
  void fetch_one(Wanted& wanted);
  void fill(SmallFile& file, const BlobInfo& blob);
  void fail(Wanted& wanted, std::exception_ptr why);
  void end(std::exception_ptr why);

  Azure* azure_;
  const std::vector<Wanted*>* wanted_;
  OnFailure policy_;
  uint64_t total_ = 0;
  std::atomic<uint64_t> received_ = 0;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  size_t running_ = 0;
  bool is_over_ = false;               // a failure has ended all
  std::exception_ptr failure_;         // to be thrown
  std::vector<std::jthread> threads_;  // last: they end before all else
};

void Many::end(std::exception_ptr why) {
  {
    const std::lock_guard lock(mutex_);
    if (!is_over_) failure_ = std::move(why);
    is_over_ = true;
  }
  azure_->halt().set();
}

void Many::fail(Wanted& wanted, std::exception_ptr why) {
  {
    // What fails after the end does so because of it.
    const std::lock_guard lock(mutex_);
    if (is_over_) return;
    wanted.failure = why;
  }
  if (ends_all(policy_, why)) end(policy_ == OnFailure::stop ? std::move(why) : nullptr);
}

void Many::fill(SmallFile& file, const BlobInfo& blob) {
  http::Tries tries(azure_->settings().tries);
  const auto take = [&](std::string_view data) {
    file.take(data);
    received_.fetch_add(data.size(), std::memory_order_relaxed);
  };
  // The MD5 tells of damage too, and all of it comes again.
  Azure::Announce announce;
  if (blob.md5.empty())
    announce = [&](Range sent, const std::string& crc64) { file.announce(sent, crc64); };
  int damages = 0;
  while (file.at() < blob.bytes) {
    const uint64_t before = file.at();
    std::optional<http::Retryable> failure;
    try {
      azure_->get(blob, before, file.end(), take, announce);
    } catch (const http::Retryable& e) {
      failure = e;
    }
    if (!file.settle()) {
      failure = http::Retryable("it was damaged on the way, " + std::to_string(++damages) +
                                " times in a row: its " + file.finding());
      received_.fetch_sub(file.at(), std::memory_order_relaxed);
      file.restart();
    }
    if (!failure) continue;
    if (damages == most_damages) throw Error(Errc::corrupt, failure->what());
    if (file.at() >= before + worth_of_try) tries.progressed();
    const auto pause = tries.after(*failure);
    if (!pause || azure_->halt().is_set()) throw tries.gives_up(*failure);
    azure_->halt().wait(*pause);
    if (azure_->halt().is_set()) throw tries.gives_up(*failure);
  }
}

void Many::fetch_one(Wanted& wanted) {
  const BlobInfo& blob = *wanted.blob;
  if (is_there(wanted)) {
    received_.fetch_add(blob.bytes, std::memory_order_relaxed);
    return;
  }
  SmallFile file(wanted, [this] {
    if (azure_->halt().is_set()) throw Error(Errc::failed, "it was cancelled");
  });
  for (bool is_again = false;; is_again = true) {
    fill(file, blob);
    wanted.md5 = file.digest();
    if (blob.md5.empty() || wanted.md5 == blob.md5) break;
    if (is_again) throw Damaged("its MD5 is " + wanted.md5 + ", and the locker says " + blob.md5);
    received_.fetch_sub(file.at(), std::memory_order_relaxed);
    file.restart();
  }
  file.finish();
  wanted.done = {blob.bytes, 0, !blob.md5.empty()};
}

void Many::work() {
  for (size_t at = next_++; at < wanted_->size() && !azure_->halt().is_set(); at = next_++) {
    Wanted& wanted = *(*wanted_)[at];
    try {
      fetch_one(wanted);
    } catch (const Error& e) {
      fail(wanted, std::make_exception_ptr(Error(
                       e.code(), "cannot download " + quoted(wanted.blob->name) +
                                     " from the locker " + azure_->address() + ": " + e.what())));
    } catch (...) {
      fail(wanted, std::current_exception());
    }
  }
  const std::lock_guard lock(mutex_);
  --running_;
  changed_.notify_all();
}

void Many::start() {
  const size_t workers =
      std::min(wanted_->size(), static_cast<size_t>(azure_->settings().connections));
  for (size_t i = 0; i < workers; ++i) {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([this] { work(); });
    ++running_;
  }
}

bool Many::run(const Watch& watch) {
  start();
  std::unique_lock lock(mutex_);
  while (running_ > 0) {
    changed_.wait_for(lock, report_interval, [this] { return running_ == 0; });
    if (!watch || is_over_) continue;
    lock.unlock();
    try {
      watch(std::min(received_.load(std::memory_order_relaxed), total_), total_);
    } catch (...) {
      end(std::current_exception());
    }
    lock.lock();
  }
  lock.unlock();
  threads_.clear();
  if (failure_) std::rethrow_exception(failure_);
  return !is_over_;
}

}  // namespace

bool fetch_many(Azure& azure, const std::vector<Wanted*>& wanted, OnFailure policy,
                const Watch& watch) {
  azure.begin();
  return wanted.empty() || Many(azure, wanted, policy).run(watch);
}

}  // namespace jetpack::storage
