// Stores a stream of unknown length as one blob.
#include "services/storage/upload.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <jetpack/error.hpp>
#include "services/storage/md5.hpp"
#include "support/encoding.hpp"

namespace jetpack::storage {

namespace {

using std::chrono::milliseconds;

constexpr size_t batch_size = 8 << 20;
constexpr size_t batch_count = 2;
constexpr size_t most_blocks = 50'000;
constexpr milliseconds tell_interval{100};

// What is read at once, and cut into blocks whose MD5s are made side by side.
struct Batch {
  std::unique_ptr<char[]> data = std::make_unique_for_overwrite<char[]>(batch_size);
  size_t size = 0;
  size_t waiting = 0;  // of its blocks, those that are not stored yet
};

struct Block {
  Batch* batch = nullptr;
  std::string_view content;
  std::optional<Md5Digest> md5 = {};  // where the locker does not check a CRC64
  std::string id;
};

// Reads until the batch is full or the content ends; true when it has ended.
bool fill(Batch& batch, const Content& content) {
  batch.size = 0;
  while (batch.size < batch_size) {
    const size_t got = content(batch.data.get() + batch.size, batch_size - batch.size);
    if (got > batch_size - batch.size)
      throw Error(Errc::internal, "the source gave more than was asked for");
    if (got == 0) return true;
    batch.size += got;
  }
  return false;
}

// One upload in blocks, while its threads run.
class BlockUpload {
 public:
  BlockUpload(Azure& azure, std::string_view blob) : azure_(&azure), blob_(blob) {}
  ~BlockUpload() {
    if (!is_done_) azure_->halt().set();
    end();
  }
  BlockUpload(const BlockUpload&) = delete;
  BlockUpload& operator=(const BlockUpload&) = delete;

  // Waits until the batch's blocks are stored, so that it can be filled again.
  void wait_for(const Batch& batch, const Watch& watch) {
    wait_until([&] { return batch.waiting == 0; }, watch);
  }

  void add(Batch& batch);
  // Returns the ids of all blocks when they are stored.
  const std::vector<std::string>& finish(const Watch& watch);

 private:
  std::vector<Block> cut(Batch& batch);
  void work() noexcept;
  void end();
  template <class Condition>
  void wait_until(Condition&& condition, const Watch& watch);

  // In front of each block's number, so that the blocks of two uploads of one name do not mix.
  static std::string random_prefix() {
    std::random_device random;
    std::string text;
    for (int i = 0; i < 4; ++i) text += std::to_string(10'000 + random() % 90'000);
    return text;
  }

  Azure* azure_;
  std::string_view blob_;
  std::string prefix_ = random_prefix();
  std::vector<std::string> ids_;
  std::vector<std::jthread> threads_;
  bool is_done_ = false;

  std::mutex mutex_;  // of what follows, and of Batch::waiting
  std::condition_variable changed_;
  std::deque<Block> queue_;
  bool is_ended_ = false;
  uint64_t stored_ = 0;
  std::exception_ptr failure_;
};

void BlockUpload::work() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !queue_.empty() || is_ended_ || failure_; });
    if (queue_.empty() || failure_) return;
    const Block block = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      azure_->retried([&] { azure_->put_block(blob_, block.id, block.content, block.md5); });
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --block.batch->waiting;
    stored_ += block.content.size();
    if (failure && !failure_) {
      failure_ = failure;
      azure_->halt().set();
    }
    changed_.notify_all();
  }
}

template <class Condition>
void BlockUpload::wait_until(Condition&& condition, const Watch& watch) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait_for(lock, tell_interval, [&] { return failure_ || condition(); });
    if (failure_) std::rethrow_exception(failure_);
    const uint64_t stored = stored_;
    const bool is_met = condition();
    lock.unlock();
    if (watch) watch(stored, 0);
    if (is_met) return;
    lock.lock();
  }
}

std::vector<Block> BlockUpload::cut(Batch& batch) {
  std::vector<Block> blocks;
  std::vector<std::string_view> contents;
  for (std::string_view rest(batch.data.get(), batch.size); !rest.empty();) {
    if (ids_.size() == most_blocks)
      throw Error(Errc::failed, "it is longer than what 50000 blocks hold");
    std::string number = std::to_string(ids_.size());
    number.insert(0, 6 - number.size(), '0');
    ids_.push_back(support::base64(prefix_ + number));
    const size_t size = std::min(block_size(ids_.size() - 1), rest.size());
    contents.push_back(rest.substr(0, size));
    blocks.push_back({&batch, contents.back(), {}, ids_.back()});
    rest.remove_prefix(size);
  }
  if (azure_->checks_crc64()) return blocks;
  const auto digests = md5_of_each(contents);
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i].md5 = digests[i];
  return blocks;
}

void BlockUpload::add(Batch& batch) {
  auto blocks = cut(batch);
  {
    const std::lock_guard lock(mutex_);
    batch.waiting = blocks.size();
    for (auto& block : blocks) queue_.push_back(std::move(block));
  }
  changed_.notify_all();
  while (threads_.size() < static_cast<size_t>(azure_->settings().connections))
    threads_.emplace_back([this] { work(); });
}

void BlockUpload::end() {
  {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
    if (azure_->halt().is_set()) queue_.clear();
  }
  changed_.notify_all();
  threads_.clear();
}

const std::vector<std::string>& BlockUpload::finish(const Watch& watch) {
  wait_until([&] { return queue_.empty(); }, watch);
  end();
  if (failure_) std::rethrow_exception(failure_);
  is_done_ = true;
  return ids_;
}

}  // namespace

size_t block_size(size_t index) {
  if (index < 10'000) return 1 << 20;
  if (index < 20'000) return 2 << 20;
  return batch_size;
}

uint64_t store(Azure& azure, std::string_view blob, const std::string& content_type,
               const Content& content, const Watch& watch) {
  azure.begin();
  std::array<Batch, batch_count> batches;
  bool is_ended = fill(batches[0], content);
  uint64_t bytes = batches[0].size;
  if (is_ended) {
    const std::string_view whole(batches[0].data.get(), bytes);
    azure.retried([&] { azure.put(blob, content_type, whole); });
    if (watch) watch(bytes, bytes);
    return bytes;
  }
  BlockUpload upload(azure, blob);
  upload.add(batches[0]);
  for (size_t i = 1; !is_ended; i = (i + 1) % batch_count) {
    upload.wait_for(batches[i], watch);
    is_ended = fill(batches[i], content);
    bytes += batches[i].size;
    if (batches[i].size > 0) upload.add(batches[i]);
  }
  const auto& ids = upload.finish(watch);
  azure.retried([&] { azure.put_block_list(blob, ids, content_type); });
  if (watch) watch(bytes, bytes);
  return bytes;
}

}  // namespace jetpack::storage
