// Reads a bundle's zip file, and refuses whatever `plugin pack` does not write.
#include "bundles/zip_reader.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "loader/refusal.hpp"
#include "support/text.hpp"

namespace jetpack::bundles {

namespace {

constexpr size_t end_size = 22, record_size = 46, local_size = 30;
constexpr uint32_t end_mark = 0x06054b50, record_mark = 0x02014b50, local_mark = 0x04034b50;
constexpr uint16_t stored = 0, deflated = 8;
// Bits of no consequence: how hard the deflater tried, and that names are UTF-8.
constexpr uint16_t known_flags = 0x0806;
constexpr size_t piece_size = 64 << 10;

[[noreturn]] void refuse(const std::string& why) {
  throw Refusal("it is not a bundle as 'jetpack plugin pack' makes it: " + why);
}

// Little-endian numbers.
uint16_t number16(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
  return static_cast<uint16_t>(byte(0) | byte(1) << 8);
}
uint32_t number32(std::string_view bytes, size_t at) {
  return number16(bytes, at) | static_cast<uint32_t>(number16(bytes, at + 2)) << 16;
}

std::string fetch(const ByteReader& file, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  if (file.read(offset, bytes) != size) refuse("the file is truncated");
  return bytes;
}

class Inflater {
 public:
  Inflater() {
    if (::inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { ::inflateEnd(&stream_); }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

uint32_t checksum(uint32_t so_far, std::string_view bytes) {
  return static_cast<uint32_t>(::crc32(so_far, reinterpret_cast<const Bytef*>(bytes.data()),
                                       static_cast<uInt>(bytes.size())));
}

}  // namespace

ZipReader::ZipReader(const ByteReader& file) : file_(file) {
  const uint64_t size = file.size();
  if (size < end_size) refuse("the file is too short");
  const std::string end = fetch(file, size - end_size, end_size);
  if (number32(end, 0) != end_mark || number16(end, 20) != 0)
    refuse("it does not end with a zip directory (is the file truncated?)");
  const uint32_t count = number16(end, 10), bytes = number32(end, 12), offset = number32(end, 16);
  if (number16(end, 4) != 0 || number16(end, 6) != 0 || number16(end, 8) != count)
    refuse("it is a part of several");
  if (count > max_entries)
    throw Refusal("it has " + std::to_string(count) + " files; the limit is " +
                  std::to_string(max_entries));
  if (uint64_t{offset} + bytes != size - end_size || bytes > max_manifest)
    refuse("its zip directory is not where its end record says");
  read_directory(fetch(file, offset, bytes), count);
  check_places(offset);
  check_entries(entries_);
}

void ZipReader::read_directory(const std::string& directory, uint64_t count) {
  entries_.reserve(count);
  places_.reserve(count);
  std::string_view rest = directory;
  for (uint64_t i = 0; i < count; ++i) rest.remove_prefix(read_record(rest));
  if (!rest.empty()) refuse("its zip directory has more than the entries it counts");
  std::vector<size_t> order(entries_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return entries_[a].path < entries_[b].path; });
  std::vector<Entry> entries;
  std::vector<Place> places;
  for (const size_t i : order) {
    entries.push_back(std::move(entries_[i]));
    places.push_back(places_[i]);
  }
  entries_ = std::move(entries);
  places_ = std::move(places);
}

// Returns the record's size.
size_t ZipReader::read_record(std::string_view record) {
  if (record.size() < record_size || number32(record, 0) != record_mark)
    refuse("its zip directory is damaged");
  const size_t name_size = number16(record, 28), extra = number16(record, 30);
  const size_t comment = number16(record, 32);
  if (comment != 0) refuse("an entry has a comment");
  if (record.size() < record_size + name_size + extra) refuse("its zip directory is damaged");
  Place place;
  place.flags = number16(record, 8);
  place.method = number16(record, 10);
  place.crc = number32(record, 16);
  place.compressed = number32(record, 20);
  place.offset = number32(record, 42);
  Entry entry;
  entry.path = record.substr(record_size, name_size);
  entry.size = number32(record, 24);
  check_path(entry.path);
  constexpr unsigned made_by_unix = 3;
  const uint32_t mode =
      static_cast<unsigned char>(record[5]) == made_by_unix ? number32(record, 38) >> 16 : 0;
  check_mode(entry.path, mode);
  entry.is_executable = (mode & 0100) != 0;
  if ((place.flags & ~known_flags) != 0) refuse(entry.path + " is encrypted or has no known size");
  if (place.method != stored && place.method != deflated)
    refuse(entry.path + " is compressed by a method other than deflate");
  if (place.method == stored && place.compressed != entry.size)
    refuse(entry.path + " is stored with two sizes");
  constexpr uint64_t small = 1 << 20;
  if (entry.size > small && entry.size / max_ratio > place.compressed)
    throw Refusal("its file '" + entry.path + "' grows from " + std::to_string(place.compressed) +
                  " to " + std::to_string(entry.size) + " bytes (a zip bomb?)");
  entries_.push_back(std::move(entry));
  places_.push_back(place);
  return record_size + name_size + extra;
}

// One after the other, from the start to the directory.
void ZipReader::check_places(uint64_t directory_offset) {
  std::vector<Place*> order;
  for (auto& place : places_) order.push_back(&place);
  std::sort(order.begin(), order.end(),
            [](const Place* a, const Place* b) { return a->offset < b->offset; });
  if (order.empty() || order.front()->offset != 0)
    refuse("there is something before its first file");
  for (size_t i = 0; i < order.size(); ++i)
    order[i]->end = i + 1 < order.size() ? order[i + 1]->offset : directory_offset;
}

// Returns where the data begins.
uint64_t ZipReader::check_local_header(size_t index) const {
  const Entry& entry = entries_[index];
  const Place& place = places_[index];
  const std::string header = fetch(file_, place.offset, local_size);
  const size_t name_size = number16(header, 26), extra = number16(header, 28);
  const bool agrees = number32(header, 0) == local_mark && number16(header, 6) == place.flags &&
                      number16(header, 8) == place.method && number32(header, 14) == place.crc &&
                      number32(header, 18) == place.compressed &&
                      number32(header, 22) == entry.size && name_size == entry.path.size() &&
                      fetch(file_, place.offset + local_size, name_size) == entry.path;
  if (!agrees) refuse(entry.path + " is described differently in two places");
  const uint64_t from = place.offset + local_size + name_size + extra;
  if (from + place.compressed != place.end)
    refuse(entry.path + " is followed by something, or by less than it should be");
  return from;
}

void ZipReader::read(size_t index, const Sink& sink) const {
  const Entry& entry = entries_.at(index);
  const Place& place = places_[index];
  const uint64_t from = check_local_header(index);
  uint32_t crc = checksum(0, {});
  uint64_t size = 0;
  const Sink checked = [&](std::string_view piece) {
    size += piece.size();
    if (size > entry.size) refuse(entry.path + " is longer than its size");
    crc = checksum(crc, piece);
    sink(piece);
  };
  if (place.method == stored) {
    copy(index, from, checked);
  } else {
    inflate(index, from, checked);
  }
  if (size != entry.size) refuse(entry.path + " is shorter than its size");
  if (crc != place.crc) refuse(entry.path + " is damaged: its checksum is another");
}

void ZipReader::copy(size_t index, uint64_t from, const Sink& sink) const {
  for (uint64_t left = places_[index].compressed; left > 0;) {
    const size_t size = std::min<uint64_t>(left, piece_size);
    sink(fetch(file_, from, size));
    from += size;
    left -= size;
  }
}

void ZipReader::inflate(size_t index, uint64_t from, const Sink& sink) const {
  Inflater inflater;
  z_stream& stream = inflater.stream();
  std::string in;
  std::vector<char> out(piece_size);
  uint64_t left = places_[index].compressed;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (stream.avail_in == 0) {
      if (left == 0) refuse(entries_[index].path + " is damaged: its data ends early");
      in = fetch(file_, from, std::min<uint64_t>(left, piece_size));
      from += in.size();
      left -= in.size();
      stream.next_in = reinterpret_cast<Bytef*>(in.data());
      stream.avail_in = static_cast<uInt>(in.size());
    }
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    status = ::inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END)
      refuse(entries_[index].path + " is damaged: it cannot be inflated");
    sink({out.data(), out.size() - stream.avail_out});
  }
  if (left > 0 || stream.avail_in > 0) refuse(entries_[index].path + " has data behind its end");
}

}  // namespace jetpack::bundles
