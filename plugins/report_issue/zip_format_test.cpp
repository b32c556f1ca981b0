// Tests of zip records at the limits of their fields.
#include "zip_format.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

namespace jetpack::report_issue {

namespace {

uint64_t field(const std::string& record, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i > 0; --i)
    value = value << 8 | static_cast<unsigned char>(record.at(at + i - 1));
  return value;
}

// The DOS date and time of an entry, as one number that grows with time.
uint64_t dos(std::time_t time) {
  ZipEntry entry;
  entry.modified = time;
  const std::string record = local_header(entry);
  return field(record, 12, 2) << 16 | field(record, 10, 2);
}

}  // namespace

TEST_CASE("times before 1980 and after 2107 are clamped") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  constexpr std::time_t day = 86400;
  constexpr std::time_t start = 315532800;  // 1980-01-01
  constexpr uint64_t first = (1U << 5 | 1U) << 16;
  CHECK(dos(start) == first);
  CHECK(dos(start - 1) == first);
  CHECK(dos(0) == first);
  CHECK(dos(-day * 40000) == first);
  CHECK(dos(start + 2) == first + 1);
  CHECK(dos(start + day) == first + (1U << 16));
  CHECK(dos(day * 365 * 200) == dos(day * 365 * 300));
  CHECK(dos(INT64_MAX) == first);  // localtime_r fails
}

TEST_CASE("sizes and offsets beyond 32 bits are in the zip64 field") {
  ZipEntry entry{"n", 0, 1, 2, 3, 4};
  CHECK(directory_record(entry).size() == 46 + 1);
  entry.bytes = uint64_t{5} << 30;
  std::string record = directory_record(entry);
  CHECK(field(record, 24, 4) == 0xFFFFFFFF);
  CHECK(field(record, 20, 4) == 2);
  CHECK(record.size() == 46 + 1 + 4 + 8);
  CHECK(field(record, 46 + 1 + 4, 8) == entry.bytes);
  entry.offset = 0xFFFFFFFF;  // the mark itself
  record = directory_record(entry);
  CHECK(record.size() == 46 + 1 + 4 + 16);
  CHECK(field(record, 46 + 1 + 4 + 8, 8) == 0xFFFFFFFF);
}

TEST_CASE("an archive of many entries has zip64 end records") {
  constexpr size_t classic = 22;
  constexpr size_t zip64 = 56 + 20;
  CHECK(end_records(65534, 100, 100).size() == classic);
  CHECK(end_records(65535, 100, 100).size() == classic + zip64);
  CHECK(end_records(1, uint64_t{1} << 32, 100).size() == classic + zip64);
}

}  // namespace jetpack::report_issue
