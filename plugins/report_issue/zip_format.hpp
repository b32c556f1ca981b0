// The records of a zip file, as defined by PKWARE's APPNOTE 6.3, for entries of unknown length.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace jetpack::report_issue {

// One file of an archive, deflated.
struct ZipEntry {
  std::string name;  // UTF-8, up to 65535 bytes
  std::time_t modified = 0;
  uint64_t offset = 0;  // of its local header
  uint64_t compressed = 0;
  uint64_t bytes = 0;
  uint32_t crc = 0;
};

// Precedes the entry's content; the data descriptor with sizes and CRC follows it.
std::string local_header(const ZipEntry& entry);
std::string data_descriptor(const ZipEntry& entry);
std::string directory_record(const ZipEntry& entry);
// The last records of the archive; the directory has `bytes` bytes at `offset`.
std::string end_records(uint64_t entries, uint64_t offset, uint64_t bytes);

}  // namespace jetpack::report_issue
