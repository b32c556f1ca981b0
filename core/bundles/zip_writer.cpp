// Writes a bundle's zip file: the same bytes for the same content.
#include "bundles/zip_writer.hpp"

#include <unistd.h>
#include <zlib.h>

#include <cerrno>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::bundles {

namespace {

constexpr uint16_t version = 20, made_by_unix = 3 << 8, utf8 = 0x0800, deflated = 8;
constexpr uint16_t first_day = 1 << 5 | 1;  // 1980-01-01

std::string bytes16(uint64_t number) {
  return {static_cast<char>(number & 0xFF), static_cast<char>(number >> 8 & 0xFF)};
}
std::string bytes32(uint64_t number) { return bytes16(number) + bytes16(number >> 16); }

// Deflates to a sink, and keeps the checksum.
class Deflater {
 public:
  explicit Deflater(Sink sink) : sink_(std::move(sink)), out_(64 << 10) {
    if (::deflateInit2(&stream_, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 9,
                       Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { ::deflateEnd(&stream_); }

  void add(std::string_view piece) {
    size_ += piece.size();
    const auto* start = reinterpret_cast<const Bytef*>(piece.data());
    crc_ = static_cast<uint32_t>(::crc32(crc_, start, static_cast<uInt>(piece.size())));
    stream_.next_in = const_cast<Bytef*>(start);
    stream_.avail_in = static_cast<uInt>(piece.size());
    while (stream_.avail_in > 0) step(Z_NO_FLUSH);
  }
  void finish() {
    while (step(Z_FINISH) != Z_STREAM_END) {
    }
  }
  uint64_t size() const { return size_; }
  uint32_t crc() const { return crc_; }

 private:
  int step(int flush) {
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
    stream_.avail_out = static_cast<uInt>(out_.size());
    const int status = ::deflate(&stream_, flush);
    sink_({out_.data(), out_.size() - stream_.avail_out});
    return status;
  }

  Sink sink_;
  std::vector<char> out_;
  z_stream stream_{};
  uint64_t size_ = 0;
  uint32_t crc_ = 0;
};

}  // namespace

void ZipWriter::write(std::string_view bytes) {
  write_at(offset_, bytes);
  offset_ += bytes.size();
}

void ZipWriter::write_at(uint64_t offset, std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0)
      throw Error(Errc::failed, "cannot write the bundle: " + support::system_message(errno));
    offset += static_cast<uint64_t>(done);
    bytes.remove_prefix(static_cast<size_t>(done));
  }
}

void ZipWriter::add(std::string_view path, bool is_executable,
                    const std::function<void(const Sink& sink)>& produce) {
  Written file;
  file.path = path;
  file.offset = offset_;
  file.is_executable = is_executable;
  // Checksum and sizes come once they are known.
  const std::string start = bytes32(0x04034b50) + bytes16(version) + bytes16(utf8) +
                            bytes16(deflated) + bytes16(0) + bytes16(first_day);
  const std::string name_sizes = bytes16(path.size()) + bytes16(0);
  write(start + std::string(12, '\0') + name_sizes + file.path);
  const uint64_t data = offset_;
  Deflater deflater([&](std::string_view piece) { write(piece); });
  produce([&](std::string_view piece) { deflater.add(piece); });
  deflater.finish();
  file.size = deflater.size();
  file.crc = deflater.crc();
  file.compressed = offset_ - data;
  if (file.size > UINT32_MAX || offset_ > UINT32_MAX)
    throw Error(Errc::failed, "cannot write the bundle: it would be 4 GiB or larger");
  write_at(file.offset + start.size(),
           bytes32(file.crc) + bytes32(file.compressed) + bytes32(file.size));
  written_.push_back(std::move(file));
}

void ZipWriter::finish() {
  const uint64_t directory = offset_;
  for (const auto& file : written_) {
    const uint64_t mode = (file.is_executable ? 0100755 : 0100644);
    write(bytes32(0x02014b50) + bytes16(made_by_unix | version) + bytes16(version) + bytes16(utf8) +
          bytes16(deflated) + bytes16(0) + bytes16(first_day) + bytes32(file.crc) +
          bytes32(file.compressed) + bytes32(file.size) + bytes16(file.path.size()) + bytes16(0) +
          bytes16(0) + bytes16(0) + bytes16(0) + bytes32(mode << 16) + bytes32(file.offset) +
          file.path);
  }
  const uint64_t size = offset_ - directory;
  write(bytes32(0x06054b50) + bytes32(0) + bytes16(written_.size()) + bytes16(written_.size()) +
        bytes32(size) + bytes32(directory) + bytes16(0));
}

}  // namespace jetpack::bundles
