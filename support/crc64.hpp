// CRC-64/NVME, which Azure Storage guards the content of one request by.
//
// The catalogue of parametrised CRC algorithms: reflected, polynomial 0xad93d23594c93659, begun and
// ended with all bits inverted; "123456789" has 0xae8b14860a799888.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jetpack::support {

// The checksum of a stream.
class Crc64 {
 public:
  // By the processor's carry-less multiplication where it has one.
  void update(std::string_view data);
  // The same without it.
  void update_portably(std::string_view data);

  // Of what came so far.
  uint64_t value() const { return ~state_; }

 private:
  uint64_t state_ = ~uint64_t{0};
};

uint64_t crc64(std::string_view data);

// The checksum of two pieces in a row, by those of each; `bytes` is the length of the second.
uint64_t crc64_joined(uint64_t first, uint64_t second, uint64_t bytes);

// As it is in x-ms-content-crc64: base64 of the eight bytes, the lowest first.
std::string crc64_header(uint64_t checksum);

}  // namespace jetpack::support
