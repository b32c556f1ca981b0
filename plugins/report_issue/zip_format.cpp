// The records of a zip file, as defined by PKWARE's APPNOTE 6.3, for entries of unknown length.
#include "zip_format.hpp"

#include <algorithm>
#include <concepts>

namespace jetpack::report_issue {

namespace {

constexpr uint32_t all_ones_32 = 0xFFFFFFFF;
constexpr uint16_t all_ones_16 = 0xFFFF;
constexpr uint16_t zip64_version = 45;     // 4.5: zip64
constexpr uint16_t made_by_unix = 3 << 8;  // so that the attributes are a Unix mode
constexpr uint16_t entry_flags =
    1U << 3 | 1U << 11;  // a data descriptor follows; the name is UTF-8
constexpr uint16_t deflate_method = 8;
constexpr uint16_t zip64_extra = 1;
constexpr uint32_t regular_file = 0100644U << 16;

// Little endian on every machine.
template <std::unsigned_integral T>
void put(std::string& to, T value) {
  for (size_t i = 0; i < sizeof value; ++i)
    to += static_cast<char>(static_cast<unsigned char>(uint64_t{value} >> (8 * i)));
}

struct DosTime {
  uint16_t time;
  uint16_t date;
};

// Local time with a resolution of two seconds, from 1980 to 2107; other times are clamped.
DosTime dos_time(std::time_t time) {
  constexpr int first_year = 80;
  constexpr int last_year = first_year + 127;
  std::tm t{};
  if (::localtime_r(&time, &t) == nullptr || t.tm_year < first_year) return {0, 1U << 5 | 1U};
  if (t.tm_year > last_year) return {23U << 11 | 59U << 5 | 29U, 127U << 9 | 12U << 5 | 31U};
  const auto bits = [](int value, unsigned shift) { return static_cast<unsigned>(value) << shift; };
  return {static_cast<uint16_t>(bits(t.tm_hour, 11) | bits(t.tm_min, 5) |
                                bits(std::min(t.tm_sec, 59) / 2, 0)),
          static_cast<uint16_t>(bits(t.tm_year - first_year, 9) | bits(t.tm_mon + 1, 5) |
                                bits(t.tm_mday, 0))};
}

void put_time(std::string& to, std::time_t time) {
  const DosTime dos = dos_time(time);
  put(to, dos.time);
  put(to, dos.date);
}

uint32_t or_ones(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, all_ones_32));
}

}  // namespace

std::string local_header(const ZipEntry& entry) {
  std::string record;
  put(record, uint32_t{0x04034b50});
  put(record, zip64_version);
  put(record, entry_flags);
  put(record, deflate_method);
  put_time(record, entry.modified);
  put(record, uint32_t{0});  // CRC: in the descriptor
  put(record, all_ones_32);  // sizes: in the descriptor, where they have 8 bytes
  put(record, all_ones_32);
  put(record, static_cast<uint16_t>(entry.name.size()));
  put(record, uint16_t{20});
  record += entry.name;
  put(record, zip64_extra);
  put(record, uint16_t{16});
  put(record, uint64_t{0});
  put(record, uint64_t{0});
  return record;
}

std::string data_descriptor(const ZipEntry& entry) {
  std::string record;
  put(record, uint32_t{0x08074b50});
  put(record, entry.crc);
  put(record, entry.compressed);
  put(record, entry.bytes);
  return record;
}

std::string directory_record(const ZipEntry& entry) {
  std::string extra;
  for (const uint64_t value : {entry.bytes, entry.compressed, entry.offset})
    if (value >= all_ones_32) put(extra, value);
  std::string record;
  put(record, uint32_t{0x02014b50});
  put(record, static_cast<uint16_t>(made_by_unix | zip64_version));
  put(record, zip64_version);
  put(record, entry_flags);
  put(record, deflate_method);
  put_time(record, entry.modified);
  put(record, entry.crc);
  put(record, or_ones(entry.compressed));
  put(record, or_ones(entry.bytes));
  put(record, static_cast<uint16_t>(entry.name.size()));
  put(record, static_cast<uint16_t>(extra.empty() ? 0 : extra.size() + 4));
  put(record, uint16_t{0});  // comment
  put(record, uint16_t{0});  // disk
  put(record, uint16_t{0});  // internal attributes
  put(record, regular_file);
  put(record, or_ones(entry.offset));
  record += entry.name;
  if (!extra.empty()) {
    put(record, zip64_extra);
    put(record, static_cast<uint16_t>(extra.size()));
    record += extra;
  }
  return record;
}

std::string end_records(uint64_t entries, uint64_t offset, uint64_t bytes) {
  std::string record;
  if (entries >= all_ones_16 || offset >= all_ones_32 || bytes >= all_ones_32) {
    put(record, uint32_t{0x06064b50});
    put(record, uint64_t{44});  // bytes of this record that follow
    put(record, static_cast<uint16_t>(made_by_unix | zip64_version));
    put(record, zip64_version);
    put(record, uint32_t{0});  // disk
    put(record, uint32_t{0});
    put(record, entries);
    put(record, entries);
    put(record, bytes);
    put(record, offset);
    put(record, uint32_t{0x07064b50});  // where the record above is
    put(record, uint32_t{0});
    put(record, offset + bytes);
    put(record, uint32_t{1});
  }
  const auto count = static_cast<uint16_t>(std::min<uint64_t>(entries, all_ones_16));
  put(record, uint32_t{0x06054b50});
  put(record, uint16_t{0});
  put(record, uint16_t{0});
  put(record, count);
  put(record, count);
  put(record, or_ones(bytes));
  put(record, or_ones(offset));
  put(record, uint16_t{0});
  return record;
}

}  // namespace jetpack::report_issue
