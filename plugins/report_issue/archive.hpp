// A zip archive that several threads build and one reads as a stream: no temporary file, bounded
// memory.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bulk_sha256.hpp"
#include "zip_format.hpp"

namespace jetpack::report_issue {

// Part of the archive, in the order of writing.
struct Piece;
class Deflater;

// The bytes of a piece, before or after deflation; reused.
class Block {
 public:
  explicit Block(size_t capacity) : bytes_(new char[capacity]), capacity_(capacity) {}

  char* data() { return bytes_.get(); }
  size_t capacity() const { return capacity_; }
  std::string_view content() const { return {bytes_.get(), size_}; }
  size_t room() const { return capacity_ - size_; }
  size_t size() const { return size_; }
  void resize(size_t size) { size_ = size; }
  void append(std::string_view text);

 private:
  std::unique_ptr<char[]> bytes_;
  size_t capacity_;
  size_t size_ = 0;
};

class Archive {
 public:
  // Fills the archive. For each file: begin(), any number of write(), end().
  class Writer {
   public:
    void begin(std::string name, std::time_t modified);
    void write(std::string_view content);
    void end();
    // The digests of all ended files, in their order. Waits until they are computed.
    std::vector<Sha256Digest> digests();

   private:
    friend class Archive;
    explicit Writer(Archive& archive) : archive_(archive) {}
    void flush();

    Archive& archive_;
    std::unique_ptr<Block> block_;
    size_t ended_ = 0;
  };
  using Fill = std::function<void(Writer&)>;

  // `fill` runs in its own thread, beside `workers` threads that compute checksums and deflate.
  // The level is one of deflater.hpp.
  Archive(unsigned workers, int level, Fill fill);
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;
  ~Archive();

  // The archive's next bytes, valid until the next call; empty at the end. Throws what `fill`
  // threw.
  std::string_view read();
  // Copies at most `capacity` bytes to `buffer`; returns 0 at the end.
  size_t read(char* buffer, size_t capacity);

  // The bytes produced so far: the archive's size once it was read to its end.
  uint64_t bytes() const { return offset_; }

 private:
  using BlockPool = std::vector<std::unique_ptr<Block>>;

  std::unique_ptr<Block> acquire_block(BlockPool& pool, size_t capacity);
  void release_block(BlockPool& pool, std::unique_ptr<Block> block);
  void put(std::unique_ptr<Piece> piece);
  std::unique_ptr<Piece> next();
  void emit(Piece& piece);
  void sum(std::unique_lock<std::mutex>& lock);
  void deflate(std::unique_lock<std::mutex>& lock, Deflater& deflater);
  void finish_step(Piece& piece);
  void fill_all(const Fill& fill);
  void work(int level);
  void stop();

  std::mutex mutex_;
  std::condition_variable has_room_, has_work_, has_output_, has_digests_;
  std::deque<std::unique_ptr<Piece>> order_;  // written and not yet read
  std::deque<Piece*> to_deflate_, to_sum_;
  bool is_summing_ = false;
  BlockPool plain_blocks_, deflated_blocks_;
  size_t piece_bytes_;
  size_t max_contents_;
  size_t contents_ = 0;  // pieces in order_ that hold blocks
  std::vector<Sha256Digest> digests_;
  bool stopped_ = false;
  std::exception_ptr failure_;

  // Used only by the worker that computes checksums: the state of its current file.
  BulkSha256 sha256_;
  uint64_t bytes_ = 0;
  uint32_t crc_ = 0;

  // Used only by the reader.
  std::unique_ptr<Block> current_;  // pending_ may point into it
  std::string record_;
  std::string_view pending_;
  ZipEntry entry_;
  std::string directory_;
  uint64_t entries_ = 0;
  uint64_t offset_ = 0;  // of what comes after pending_
  bool is_at_end_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace jetpack::report_issue
