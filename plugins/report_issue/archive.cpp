// A zip archive that several threads build and one reads as a stream: no temporary file, bounded
// memory.
#include "archive.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <isa-l/crc.h>

#include "deflater.hpp"

namespace jetpack::report_issue {

struct Piece {
  enum class Kind : uint8_t { begin, content, end, last };

  Kind kind = Kind::content;
  int steps_left = 0;  // before the reader can have it
  std::string name;    // begin
  std::time_t modified = 0;
  std::unique_ptr<Block> plain;  // content
  std::unique_ptr<Block> deflated;
  uint64_t bytes = 0;  // end
  uint32_t crc = 0;
};

namespace {

// Larger pieces compress slightly better and need fewer thread switches; with many threads, smaller
// pieces keep the memory bounded.
constexpr unsigned few_workers = 6;
constexpr size_t large_piece = 1 << 20;
constexpr size_t small_piece = 512 << 10;
// An empty final block, which ends a stream of flushed pieces.
constexpr std::string_view end_of_deflate("\x03\x00", 2);

// Thrown in the filling thread once the archive is being destroyed.
struct Cancelled {};

}  // namespace

void Block::append(std::string_view text) {
  std::memcpy(bytes_.get() + size_, text.data(), text.size());
  size_ += text.size();
}

void Archive::Writer::begin(std::string name, std::time_t modified) {
  auto piece = std::make_unique<Piece>();
  piece->kind = Piece::Kind::begin;
  piece->name = std::move(name);
  piece->modified = modified;
  archive_.put(std::move(piece));
}

void Archive::Writer::write(std::string_view content) {
  while (!content.empty()) {
    if (!block_) block_ = archive_.acquire_block(archive_.plain_blocks_, archive_.piece_bytes_);
    const std::string_view part = content.substr(0, block_->room());
    block_->append(part);
    content.remove_prefix(part.size());
    if (block_->room() == 0) flush();
  }
}

void Archive::Writer::flush() {
  if (!block_) return;
  auto piece = std::make_unique<Piece>();
  piece->steps_left = 2;
  piece->plain = std::move(block_);
  archive_.put(std::move(piece));
}

void Archive::Writer::end() {
  flush();
  auto piece = std::make_unique<Piece>();
  piece->kind = Piece::Kind::end;
  piece->steps_left = 1;
  ++ended_;
  archive_.put(std::move(piece));
}

std::vector<Sha256Digest> Archive::Writer::digests() {
  std::unique_lock lock(archive_.mutex_);
  archive_.has_digests_.wait(
      lock, [&] { return archive_.stopped_ || archive_.digests_.size() == ended_; });
  if (archive_.stopped_) throw Cancelled();
  return archive_.digests_;
}

Archive::Archive(unsigned workers, int level, Fill fill)
    : piece_bytes_(workers <= few_workers ? large_piece : small_piece),
      max_contents_(size_t{2} * workers + 4) {
  try {
    for (unsigned i = 0; i < workers; ++i) threads_.emplace_back([this, level] { work(level); });
    threads_.emplace_back([this, fill = std::move(fill)] { fill_all(fill); });
  } catch (...) {
    stop();
    throw;
  }
}

Archive::~Archive() { stop(); }

void Archive::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  has_room_.notify_all();
  has_work_.notify_all();
  has_digests_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

std::unique_ptr<Block> Archive::acquire_block(BlockPool& pool, size_t capacity) {
  {
    const std::lock_guard lock(mutex_);
    if (!pool.empty()) {
      auto block = std::move(pool.back());
      pool.pop_back();
      return block;
    }
  }
  return std::make_unique<Block>(capacity);
}

void Archive::release_block(BlockPool& pool, std::unique_ptr<Block> block) {
  if (!block) return;
  block->resize(0);
  const std::lock_guard lock(mutex_);
  pool.push_back(std::move(block));
}

// Waits until there is room, which bounds the memory.
void Archive::put(std::unique_ptr<Piece> piece) {
  constexpr size_t max_pieces = 1000;
  const int steps = piece->steps_left;
  std::unique_lock lock(mutex_);
  has_room_.wait(
      lock, [&] { return stopped_ || (order_.size() < max_pieces && contents_ < max_contents_); });
  if (stopped_) throw Cancelled();
  if (steps > 0) to_sum_.push_back(piece.get());
  if (piece->plain) {
    to_deflate_.push_back(piece.get());
    ++contents_;
  }
  order_.push_back(std::move(piece));
  lock.unlock();
  for (int i = 0; i < steps; ++i) has_work_.notify_one();
  has_output_.notify_one();
}

void Archive::fill_all(const Fill& fill) {
  try {
    Writer writer(*this);
    fill(writer);
    auto last = std::make_unique<Piece>();
    last->kind = Piece::Kind::last;
    put(std::move(last));
  } catch (const Cancelled&) {
    // The reader has gone.
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  has_output_.notify_one();
}

// Checksums come first: only one worker at a time can compute them, in the order of the content.
void Archive::work(int level) {
  try {
    Deflater deflater(level);
    std::unique_lock lock(mutex_);
    const auto can_sum = [&] { return !is_summing_ && !to_sum_.empty(); };
    while (true) {
      has_work_.wait(lock, [&] { return stopped_ || can_sum() || !to_deflate_.empty(); });
      if (stopped_) return;
      if (can_sum()) {
        sum(lock);
      } else {
        deflate(lock, deflater);
      }
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  has_output_.notify_one();
}

void Archive::sum(std::unique_lock<std::mutex>& lock) {
  Piece& piece = *to_sum_.front();
  to_sum_.pop_front();
  if (piece.kind == Piece::Kind::end) {
    piece.bytes = std::exchange(bytes_, 0);
    piece.crc = std::exchange(crc_, 0);
    digests_.push_back(sha256_.finish());
    has_digests_.notify_one();
  } else {
    is_summing_ = true;
    lock.unlock();
    const std::string_view plain = piece.plain->content();
    bytes_ += plain.size();
    crc_ = crc32_gzip_refl(crc_, reinterpret_cast<const uint8_t*>(plain.data()), plain.size());
    sha256_.update(plain);
    lock.lock();
    is_summing_ = false;
  }
  finish_step(piece);
}

void Archive::deflate(std::unique_lock<std::mutex>& lock, Deflater& deflater) {
  Piece& piece = *to_deflate_.front();
  to_deflate_.pop_front();
  lock.unlock();
  auto deflated = acquire_block(deflated_blocks_, room_to_deflate(piece_bytes_));
  deflated->resize(deflater.run(piece.plain->content(), {deflated->data(), deflated->capacity()}));
  lock.lock();
  piece.deflated = std::move(deflated);
  finish_step(piece);
}

// After the last step the piece belongs to the reader.
void Archive::finish_step(Piece& piece) {
  if (--piece.steps_left > 0) return;
  if (piece.plain) {
    piece.plain->resize(0);
    plain_blocks_.push_back(std::move(piece.plain));
  }
  has_output_.notify_one();
}

std::unique_ptr<Piece> Archive::next() {
  std::unique_lock lock(mutex_);
  has_output_.wait(
      lock, [&] { return failure_ || (!order_.empty() && order_.front()->steps_left == 0); });
  if (failure_) std::rethrow_exception(failure_);
  auto piece = std::move(order_.front());
  order_.pop_front();
  if (piece->kind == Piece::Kind::content) --contents_;
  lock.unlock();
  has_room_.notify_one();
  return piece;
}

// Makes the bytes of the piece the pending ones.
void Archive::emit(Piece& piece) {
  switch (piece.kind) {
    case Piece::Kind::begin:
      entry_ = ZipEntry{std::move(piece.name), piece.modified, offset_};
      record_ = local_header(entry_);
      pending_ = record_;
      break;
    case Piece::Kind::content:
      release_block(deflated_blocks_, std::exchange(current_, std::move(piece.deflated)));
      pending_ = current_->content();
      entry_.compressed += pending_.size();
      break;
    case Piece::Kind::end:
      entry_.bytes = piece.bytes;
      entry_.crc = piece.crc;
      entry_.compressed += end_of_deflate.size();
      record_ = std::string(end_of_deflate) + data_descriptor(entry_);
      pending_ = record_;
      directory_ += directory_record(entry_);
      ++entries_;
      break;
    case Piece::Kind::last:
      directory_ += end_records(entries_, offset_, directory_.size());
      pending_ = directory_;
      is_at_end_ = true;
      break;
  }
  offset_ += pending_.size();
}

std::string_view Archive::read() {
  while (pending_.empty() && !is_at_end_) emit(*next());
  return std::exchange(pending_, {});
}

size_t Archive::read(char* buffer, size_t capacity) {
  size_t done = 0;
  while (done < capacity) {
    const std::string_view bytes = read();
    if (bytes.empty()) break;
    const size_t size = std::min(capacity - done, bytes.size());
    std::memcpy(buffer + done, bytes.data(), size);
    pending_ = bytes.substr(size);
    done += size;
  }
  return done;
}

}  // namespace jetpack::report_issue
