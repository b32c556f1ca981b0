// Downloads a blob to a partial file.
#include "services/storage/download.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include <jetpack/error.hpp>
#include "services/storage/md5.hpp"
#include "services/storage/pace.hpp"
#include "services/storage/range_guard.hpp"
#include "support/encoding.hpp"

namespace jetpack::storage {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What one request asks for: small enough that the last ones end together, and have a CRC64.
constexpr uint64_t most_piece = most_guarded;
constexpr uint64_t least_piece = 1 << 20;
// An attempt that fetched at least this much got somewhere.
constexpr uint64_t least_progress = 64 << 10;
constexpr milliseconds watch_interval{100};
// The state of the partial file is written so often; and so often what a connection has of a range is
// added to it, so that a process that is killed loses the last 400 ms.
constexpr milliseconds keep_interval{200};
// What the threads that receive yield to the one that hashes, which has to run all the time: without
// it they take a third of that one's core where there are only two.
constexpr int receive_nice = 5;

uint64_t piece_size(uint64_t bytes, int connections) {
  const uint64_t share = bytes / static_cast<uint64_t>(connections);
  const uint64_t rounded = (share + least_piece - 1) / least_piece * least_piece;
  return std::clamp(rounded, least_piece, most_piece);
}

// One range on its way into the file.
class Piece {
 public:
  Piece(const PartialFile& file, std::mutex& writing, Range range, char* buffer,
        std::atomic<uint64_t>& received)
      : file_(&file),
        writing_(&writing),
        range_(range),
        at_(range.begin),
        buffer_(buffer),
        received_(&received) {}

  uint64_t at() const { return at_ + held_; }
  // Where the next request is to end.
  uint64_t end() const { return guard_.range() ? guard_.range()->end : range_.end; }

  void announce(Range range, const std::string& crc64) { guard_.open(range, crc64); }

  void take(std::string_view data) {
    guard_.add(data);
    received_->fetch_add(data.size(), std::memory_order_relaxed);
    while (!data.empty()) {
      // What fills whole units is written from where it is.
      const uint64_t end = at() + data.size();
      const uint64_t whole = end - end % write_unit;
      if (held_ == 0 && whole > at_) {
        const auto size = static_cast<size_t>(whole - at_);
        write(data.substr(0, size));
        data.remove_prefix(size);
        continue;
      }
      const size_t room = write_unit - at() % write_unit;
      const size_t size = std::min(room, data.size());
      std::memcpy(buffer_ + held_, data.data(), size);
      held_ += size;
      data.remove_prefix(size);
      if (size == room) flush();
    }
  }

  // To be called when a response ended. What did not arrive as it was sent has to come again: false.
  bool settle() {
    flush();
    const auto guarded = guard_.range();
    if (!guarded || at_ < guarded->end) return true;
    if (guard_.close()) {
      damages_ = 0;
      return true;
    }
    received_->fetch_sub(at_ - guarded->begin, std::memory_order_relaxed);
    at_ = guarded->begin;
    ++damages_;
    return false;
  }

  // What is in the file, and whole.
  Range written() const { return {range_.begin, guard_.range() ? guard_.range()->begin : at_}; }

  int damages() const { return damages_; }
  std::string finding() const { return guard_.finding(); }

 private:
  void flush() { write({buffer_, std::exchange(held_, 0)}); }

  void write(std::string_view data) {
    {
      const std::lock_guard lock(*writing_);
      file_->write_at(at_, data);
    }
    at_ += data.size();
  }

  const PartialFile* file_;
  std::mutex* writing_;
  Range range_;
  uint64_t at_;
  char* buffer_;
  size_t held_ = 0;
  std::atomic<uint64_t>* received_;
  RangeGuard guard_;
  int damages_ = 0;
};

std::string damage_of(const Piece& piece) {
  return "bytes were damaged on the way, " + std::to_string(piece.damages()) +
         " times in a row from byte " + std::to_string(piece.at()) + ": their " + piece.finding();
}

// One transfer, while its threads run.
class Fetch {
 public:
  Fetch(Azure& azure, const BlobInfo& blob, PartialFile& file, Ranges there)
      : azure_(&azure),
        blob_(&blob),
        file_(&file),
        pace_(!blob.md5.empty()),
        there_(std::move(there)) {
    received_ = there_.bytes();
    pace_.arrived(there_.prefix());
    missing_ = there_.missing(blob.bytes, piece_size(blob.bytes, azure.settings().connections));
  }

  void run(const Watch& watch);

 private:
  void work();
  void fetch_range(Range range, char* buffer);
  std::optional<Range> next();
  void add(Range range);
  void keep();
  void check_md5();
  void hash_file();
  uint64_t wait_for_more(uint64_t hashed);
  void fail(std::exception_ptr why);
  void watch_over(const Watch& watch);
  void start(void (Fetch::*task)());

  Azure* azure_;
  const BlobInfo* blob_;
  PartialFile* file_;
  std::atomic<uint64_t> received_ = 0;
  std::atomic<bool> has_worker_ = false;
  Pace pace_;
  // The kernel lets one thread at a time write to a file, and has the others spin; here they sleep.
  std::mutex writing_;

  std::mutex mutex_;  // of what follows
  std::condition_variable ended_;
  std::condition_variable grown_;
  Ranges there_;
  std::vector<Range> missing_;
  size_t next_ = 0;
  size_t running_ = 0;
  std::exception_ptr failure_;

  std::vector<std::jthread> threads_;  // last: they end before all else
};

void Fetch::fail(std::exception_ptr why) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(why);
  azure_->halt().set();
  grown_.notify_all();
  pace_.end();
}

std::optional<Range> Fetch::next() {
  const std::lock_guard lock(mutex_);
  if (next_ == missing_.size() || azure_->halt().is_set()) return std::nullopt;
  return missing_[next_++];
}

void Fetch::add(Range range) {
  const std::lock_guard lock(mutex_);
  there_.add(range);
  pace_.arrived(there_.prefix());
  grown_.notify_all();
}

// Writes the state, which takes as long as its directory's disk: nobody waits for that.
void Fetch::keep() {
  const Ranges there = [this] {
    const std::lock_guard lock(mutex_);
    return there_;
  }();
  file_->record(there);
}

void Fetch::fetch_range(Range range, char* buffer) {
  http::Tries tries(azure_->settings().tries);
  Piece piece(*file_, writing_, range, buffer, received_);
  auto kept = steady_clock::now();
  const auto take = [&](std::string_view data) {
    piece.take(data);
    if (const auto now = steady_clock::now(); now - kept >= keep_interval) {
      kept = now;
      add(piece.written());
    }
  };
  const auto announce = [&](Range sent, const std::string& crc64) { piece.announce(sent, crc64); };
  while (piece.at() < range.end) {
    const uint64_t before = piece.at();
    std::optional<http::Retryable> failure;
    try {
      azure_->get(*blob_, before, piece.end(), take, announce);
    } catch (const http::Retryable& e) {
      failure = e;
    }
    if (!piece.settle()) failure = http::Retryable(damage_of(piece));
    if (!failure) continue;
    if (azure_->halt().is_set()) break;
    if (piece.at() >= before + least_progress) tries.progressed();
    const auto pause = tries.after(*failure);
    if (!pause || piece.damages() == most_damages) {
      add(piece.written());
      if (!pause) throw tries.gives_up(*failure);
      throw Error(Errc::corrupt, failure->what());
    }
    azure_->halt().wait(*pause);
  }
  add(piece.written());
}

void Fetch::work() {
  // A system that does not allow it is as good.
  if (!blob_->md5.empty()) static_cast<void>(::nice(receive_nice));
  // One goes on receiving, whatever the MD5 has to catch up with.
  const bool is_first = !has_worker_.exchange(true);
  try {
    const auto buffer = std::make_unique_for_overwrite<char[]>(write_unit);
    for (;;) {
      if (!is_first) pace_.wait();
      const auto range = next();
      if (!range) break;
      fetch_range(*range, buffer.get());
    }
  } catch (...) {
    fail(std::current_exception());
  }
  const std::lock_guard lock(mutex_);
  --running_;
  ended_.notify_all();
}

// Waits until the file holds more from its beginning than was hashed; returns how much. No more
// when the transfer was halted.
uint64_t Fetch::wait_for_more(uint64_t hashed) {
  std::unique_lock lock(mutex_);
  grown_.wait(lock, [&] { return there_.prefix() > hashed || azure_->halt().is_set(); });
  return there_.prefix();
}

void Fetch::hash_file() {
  Md5 md5;
  uint64_t at = 0;
  const auto update = [&](std::string_view data) {
    md5.update(data);
    pace_.hashed(data.size());
    return !azure_->halt().is_set();
  };
  while (at < blob_->bytes) {
    const uint64_t end = wait_for_more(at);
    file_->read_back({at, end}, update);
    if (azure_->halt().is_set()) return;
    at = end;
  }
  if (const std::string found = support::hex(md5.finish()); found != blob_->md5)
    throw Damaged("its MD5 is " + found + ", and the locker says " + blob_->md5);
}

void Fetch::check_md5() {
  try {
    hash_file();
  } catch (...) {
    fail(std::current_exception());
  }
  pace_.end();
  const std::lock_guard lock(mutex_);
  --running_;
  ended_.notify_all();
}

// Until all threads have ended.
void Fetch::watch_over(const Watch& watch) {
  auto kept = steady_clock::now();
  std::unique_lock lock(mutex_);
  while (running_ > 0) {
    ended_.wait_for(lock, watch_interval, [this] { return running_ == 0; });
    lock.unlock();
    if (const auto now = steady_clock::now(); now - kept >= keep_interval) {
      kept = now;
      keep();
    }
    if (watch && !azure_->halt().is_set()) {
      try {
        watch(std::min(received_.load(std::memory_order_relaxed), blob_->bytes), blob_->bytes);
      } catch (...) {
        fail(std::current_exception());
      }
    }
    lock.lock();
  }
}

void Fetch::start(void (Fetch::*task)()) {
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  try {
    threads_.emplace_back(task, this);
  } catch (const std::system_error& e) {
    {
      const std::lock_guard lock(mutex_);
      --running_;
    }
    fail(std::make_exception_ptr(
        Error(Errc::unavailable, std::string("no thread can be started: ") + e.what())));
  }
}

void Fetch::run(const Watch& watch) {
  file_->record(there_);
  const size_t workers =
      std::min(missing_.size(), static_cast<size_t>(azure_->settings().connections));
  for (size_t i = 0; i < workers; ++i) start(&Fetch::work);
  if (!blob_->md5.empty()) start(&Fetch::check_md5);
  watch_over(watch);
  threads_.clear();
  if (!failure_) return;
  keep();
  std::rethrow_exception(failure_);
}

}  // namespace

void fetch(Azure& azure, const BlobInfo& blob, PartialFile& file, Ranges there,
           const Watch& watch) {
  azure.begin();
  try {
    Fetch(azure, blob, file, std::move(there)).run(watch);
  } catch (const Error& e) {
    const uint64_t kept = file.recorded();
    // An empty one would only hold the disk space that it has reserved.
    if (kept == 0) file.discard();
    if (kept == 0 || e.code() != Errc::unavailable) throw;
    throw Error(e.code(), std::string(e.what()) + "; " + std::to_string(kept) + " of " +
                              std::to_string(blob.bytes) +
                              " bytes are kept, and the next download goes on from there");
  }
}

}  // namespace jetpack::storage
