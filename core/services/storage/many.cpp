// Downloads many small blobs at once.
#include "services/storage/many.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <jetpack/error.hpp>
#include "services/storage/md5.hpp"
#include "services/storage/names.hpp"
#include "services/storage/range_guard.hpp"
#include "services/storage/wanted.hpp"
#include "services/storage/whole_file.hpp"
#include "support/encoding.hpp"

namespace jetpack::storage {

namespace {

constexpr std::chrono::milliseconds report_interval{100};
// Blobs of up to this size stay in memory until they are checked, so many or so much at once, as
// md5_of_each is up to five times as fast as one after another.
constexpr uint64_t most_in_memory = 1 << 20;
constexpr size_t most_unchecked = 16;
constexpr uint64_t most_unchecked_bytes = 8 << 20;
// An attempt that fetched at least this much got somewhere.
constexpr uint64_t worth_of_try = 64 << 10;

// Reuses the memory that blobs are held in until they are checked: freeing and allocating it for
// each would take longer than filling it. Thread-safe.
class Buffers {
 public:
  // Empty.
  std::string take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return {};
    std::string buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }

  void give(std::string buffer) noexcept {
    buffer.clear();
    try {
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(buffer));
    } catch (const std::exception&) {
      // Without room for it, it goes back to the system.
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> free_;
};

// One blob on its way into its file. What is incomplete is not kept: it is small.
class SmallFile {
 public:
  // `wait` is for PartialFile. It and `buffers` must outlive this.
  SmallFile(const Wanted& wanted, LastDirectory::Held directory, Buffers& buffers,
            const std::function<void()>& wait)
      : wanted_(&wanted),
        blob_(wanted.blob),
        directory_(std::move(directory)),
        wait_(&wait),
        buffers_(&buffers),
        held_(buffers.take()) {
    if (!is_in_memory()) file_.emplace(open_partial(wanted, wait));
    restart();
  }
  SmallFile(const SmallFile&) = delete;
  SmallFile& operator=(const SmallFile&) = delete;
  ~SmallFile() {
    if (file_ && !is_finished_) file_->discard();
    buffers_->give(std::move(held_));
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
    if (is_in_memory()) held_.reserve(blob_->bytes);
    if (file_) file_->resume({blob_->name, blob_->etag, blob_->bytes}, true);
  }

  void take(std::string_view data) {
    guard_.add(data);
    at_ += data.size();
    held_ += data;
    if (is_in_memory()) return;
    md5_.update(data);
    if (held_.size() >= write_unit) flush();
  }

  // Whether content() is all of it, and digest() is left to the caller.
  bool is_in_memory() const { return blob_->bytes <= most_in_memory; }
  std::string_view content() const { return held_; }

  Md5Digest digest() { return is_in_memory() ? md5_of(held_) : md5_.finish(); }

  void finish() {
    if (!file_) {
      const std::string& path = wanted_->below;
      if (directory_ && write_whole(directory_->get(), path.substr(path.rfind('/') + 1), held_))
        return;
      file_.emplace(open_partial(*wanted_, *wait_));
      file_->resume({blob_->name, blob_->etag, blob_->bytes}, true);
    }
    flush();
    file_->finish();
    is_finished_ = true;
  }

 private:
  void flush() {
    const uint64_t begin = at_ - held_.size();
    for (size_t done = 0; done < held_.size(); done += write_unit)
      file_->write_at(begin + done, std::string_view(held_).substr(done, write_unit));
    held_.clear();
  }

  const Wanted* wanted_;
  const BlobInfo* blob_;
  LastDirectory::Held directory_;
  const std::function<void()>* wait_;
  std::optional<PartialFile> file_;
  RangeGuard guard_;
  uint64_t at_ = 0;
  Buffers* buffers_;
  // Not yet written: all of it, or the end, as pieces from the network are short.
  std::string held_;
  Md5 md5_;
  bool is_finished_ = false;
};

// One that has arrived.
struct Arrived {
  Wanted* wanted;
  std::unique_ptr<SmallFile> file;
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
  void fetch_one(Wanted& wanted, LastDirectory& directory);
  void keep_failure(Wanted& wanted, const std::function<void()>& step);
  void check_later(Arrived arrived);
  void check(std::vector<Arrived> arrived);
  std::vector<Arrived> take_unchecked();
  void settle(const Arrived& arrived, Md5Digest found);
  void fill(SmallFile& file, const BlobInfo& blob);
  void fail(Wanted& wanted, std::exception_ptr why);
  void end(std::exception_ptr why);

  Azure* azure_;
  const std::vector<Wanted*>* wanted_;
  OnFailure policy_;
  uint64_t total_ = 0;
  const std::function<void()> wait_ = [this] {
    if (azure_->halt().is_set()) throw Error(Errc::failed, "it was cancelled");
  };
  std::atomic<uint64_t> received_ = 0;
  std::atomic<size_t> next_ = 0;
  Buffers buffers_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  size_t running_ = 0;
  std::vector<Arrived> unchecked_;
  uint64_t unchecked_bytes_ = 0;
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

void Many::fetch_one(Wanted& wanted, LastDirectory& directory) {
  const BlobInfo& blob = *wanted.blob;
  if (is_there(wanted)) {
    received_.fetch_add(blob.bytes, std::memory_order_relaxed);
    return;
  }
  Arrived arrived{&wanted,
                  std::make_unique<SmallFile>(wanted, directory.of(wanted), buffers_, wait_)};
  fill(*arrived.file, blob);
  if (arrived.file->is_in_memory()) return check_later(std::move(arrived));
  settle(arrived, arrived.file->digest());
}

// Of what has arrived: its MD5 is compared, and the file takes its place.
void Many::settle(const Arrived& arrived, Md5Digest found) {
  Wanted& wanted = *arrived.wanted;
  const BlobInfo& blob = *wanted.blob;
  for (bool is_again = false;; is_again = true) {
    wanted.md5 = support::hex(found);
    if (blob.md5.empty() || wanted.md5 == blob.md5) break;
    if (is_again) throw Damaged("its MD5 is " + wanted.md5 + ", and the locker says " + blob.md5);
    received_.fetch_sub(arrived.file->at(), std::memory_order_relaxed);
    arrived.file->restart();
    fill(*arrived.file, blob);
    found = arrived.file->digest();
  }
  arrived.file->finish();
  wanted.done = {blob.bytes, 0, !blob.md5.empty()};
}

void Many::check_later(Arrived arrived) {
  {
    const std::lock_guard lock(mutex_);
    unchecked_bytes_ += arrived.wanted->blob->bytes;
    unchecked_.push_back(std::move(arrived));
    if (unchecked_.size() < most_unchecked && unchecked_bytes_ < most_unchecked_bytes) return;
  }
  check(take_unchecked());
}

std::vector<Arrived> Many::take_unchecked() {
  const std::lock_guard lock(mutex_);
  unchecked_bytes_ = 0;
  return std::exchange(unchecked_, {});
}

void Many::check(std::vector<Arrived> arrived) {
  std::sort(arrived.begin(), arrived.end(), [](const Arrived& a, const Arrived& b) {
    return a.wanted->blob->bytes < b.wanted->blob->bytes;
  });
  std::vector<std::string_view> contents;
  contents.reserve(arrived.size());
  for (const auto& one : arrived) contents.push_back(one.file->content());
  const auto digests = md5_of_each(contents);
  for (size_t i = 0; i < arrived.size(); ++i)
    keep_failure(*arrived[i].wanted, [&] { settle(arrived[i], digests[i]); });
}

void Many::keep_failure(Wanted& wanted, const std::function<void()>& step) {
  try {
    step();
  } catch (const Error& e) {
    fail(wanted, std::make_exception_ptr(Error(
                     e.code(), "cannot download " + quoted(wanted.blob->name) +
                                   " from the locker " + azure_->address() + ": " + e.what())));
  } catch (...) {
    fail(wanted, std::current_exception());
  }
}

void Many::work() {
  LastDirectory directory;
  for (size_t at = next_++; at < wanted_->size() && !azure_->halt().is_set(); at = next_++) {
    Wanted& wanted = *(*wanted_)[at];
    keep_failure(wanted, [&] { fetch_one(wanted, directory); });
  }
  check(take_unchecked());
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
