// The records of a zip file as PKWARE's APPNOTE 6.3 defines them, for entries of unknown length.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace jetpack::report_issue {

// One file of an archive, deflated.
struct ZipEntry {
  std::string name;  // UTF-8, at most 65535 bytes
  std::time_t modified = 0;
  uint64_t offset = 0;  // of its local header
  uint64_t compressed = 0;
  uint64_t bytes = 0;
  uint32_t crc = 0;
};

// What stands before the entry's content; sizes and CRC follow it.
std::string local_header(const ZipEntry& entry);
std::string data_descriptor(const ZipEntry& entry);
std::string directory_record(const ZipEntry& entry);
// The archive's last bytes; the directory has `bytes` bytes at `offset`.
std::string end_records(uint64_t entries, uint64_t offset, uint64_t bytes);

}  // namespace jetpack::report_issue
