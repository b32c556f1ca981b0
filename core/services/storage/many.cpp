// Downloads many small blobs at once.
#include "services/storage/many.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include <jetpack/error.hpp>
#include "services/storage/md5.hpp"
#include "services/storage/names.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"

namespace jetpack::storage {

namespace {

constexpr std::chrono::milliseconds report_interval{100};
// An attempt that fetched at least this much got somewhere.
constexpr uint64_t worth_of_try = 64 << 10;

// One blob on its way into its file.
class SmallFile {
 public:
  explicit SmallFile(const Wanted& wanted) : wanted_(&wanted), part_(wanted.path + ".part") {
    restart();
  }

  uint64_t at() const { return at_; }

  void restart() {
    at_ = 0;
    md5_ = Md5();
    file_ = support::Fd(
        ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!file_) fail(errno);
  }

  void take(std::string_view data) {
    if (const int error = support::write_all(file_.get(), data); error != 0) fail(error);
    md5_.update(data);
    at_ += data.size();
  }

  // Its MD5, hex.
  std::string digest() { return support::hex(md5_.finish()); }

  void finish() {
    file_.close();
    if (::rename(part_.c_str(), wanted_->path.c_str()) != 0) fail(errno);
  }

 private:
  [[noreturn]] void fail(int error) const {
    const bool is_full = error == ENOSPC || error == EDQUOT;
    throw Error(is_full ? Errc::unavailable : Errc::failed,
                "cannot write " + part_ + ": " + support::system_message(error) +
                    (is_full ? "; make room, then try again" : ""));
  }

  const Wanted* wanted_;
  std::string part_;
  support::Fd file_;
  uint64_t at_ = 0;
  Md5 md5_;
};

// The transfer, while its threads run.
class Many {
 public:
  Many(Azure& azure, const std::vector<Wanted*>& wanted) : azure_(&azure), wanted_(&wanted) {
    for (const Wanted* one : wanted) total_ += one->blob->bytes;
  }

  void run(const Watch& watch);

 private:
  void work();
  void fetch_one(Wanted& wanted);
  void fill(SmallFile& file, const BlobInfo& blob);
  void fail(std::exception_ptr why);

  Azure* azure_;
  const std::vector<Wanted*>* wanted_;
  uint64_t total_ = 0;
  std::atomic<uint64_t> received_ = 0;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  size_t running_ = 0;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  // last: they end before all else
};

void Many::fail(std::exception_ptr why) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(why);
  }
  azure_->halt().set();
}

void Many::fill(SmallFile& file, const BlobInfo& blob) {
  http::Tries tries(azure_->settings().tries);
  while (file.at() < blob.bytes) {
    const uint64_t before = file.at();
    try {
      azure_->get(blob, before, blob.bytes, [&](std::string_view data) {
        file.take(data);
        received_.fetch_add(data.size(), std::memory_order_relaxed);
      });
    } catch (const http::Retryable& failure) {
      if (file.at() - before >= worth_of_try) tries.progressed();
      const auto pause = tries.after(failure);
      if (!pause || azure_->halt().is_set()) throw tries.gives_up(failure);
      azure_->halt().wait(*pause);
      if (azure_->halt().is_set()) throw tries.gives_up(failure);
    }
  }
}

void Many::fetch_one(Wanted& wanted) {
  const BlobInfo& blob = *wanted.blob;
  SmallFile file(wanted);
  for (bool is_again = false;; is_again = true) {
    fill(file, blob);
    wanted.md5 = file.digest();
    if (blob.md5.empty() || wanted.md5 == blob.md5) break;
    if (is_again) throw Damaged("its MD5 is " + wanted.md5 + ", and the locker says " + blob.md5);
    received_.fetch_sub(file.at(), std::memory_order_relaxed);
    file.restart();
  }
  file.finish();
}

void Many::work() {
  for (size_t at = next_++; at < wanted_->size() && !azure_->halt().is_set(); at = next_++) {
    Wanted& wanted = *(*wanted_)[at];
    try {
      fetch_one(wanted);
    } catch (const Error& e) {
      fail(std::make_exception_ptr(
          Error(e.code(), "blob " + quoted(wanted.blob->name) + ": " + e.what())));
    } catch (...) {
      fail(std::current_exception());
    }
  }
  const std::lock_guard lock(mutex_);
  --running_;
  changed_.notify_all();
}

void Many::run(const Watch& watch) {
  const size_t workers =
      std::min(wanted_->size(), static_cast<size_t>(azure_->settings().connections));
  for (size_t i = 0; i < workers; ++i) {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([this] { work(); });
    ++running_;
  }
  std::unique_lock lock(mutex_);
  while (running_ > 0) {
    changed_.wait_for(lock, report_interval, [this] { return running_ == 0; });
    if (!watch || failure_) continue;
    lock.unlock();
    try {
      watch(std::min(received_.load(std::memory_order_relaxed), total_), total_);
    } catch (...) {
      fail(std::current_exception());
    }
    lock.lock();
  }
  lock.unlock();
  threads_.clear();
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace

void fetch_many(Azure& azure, const std::vector<Wanted*>& wanted, const Watch& watch) {
  azure.begin();
  if (!wanted.empty()) Many(azure, wanted).run(watch);
}

}  // namespace jetpack::storage
