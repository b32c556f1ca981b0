// Reads a range of a blob, and describes it in response headers.
#include "blobs/blob_reading.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

#include <Poco/MD5Engine.h>

#include <jetpack/error.hpp>
#include "blobs/blob_error.hpp"
#include "support/crc64.hpp"
#include "support/encoding.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t part_of_range = 256 << 10;
constexpr uint64_t max_range_with_checksum = 4 << 20;

// Headers that a SAS can override.
constexpr std::array<std::pair<const char*, const char*>, 5> overrides{{
    {"rscc", "cache-control"},
    {"rscd", "content-disposition"},
    {"rsce", "content-encoding"},
    {"rscl", "content-language"},
    {"rsct", "content-type"},
}};

}  // namespace

void read_range(const OpenBlob& blob, const ByteRange& range, const TakePart& take) {
  std::vector<char> buffer(part_of_range);
  for (uint64_t done = 0; done < range.size;) {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(part_of_range, range.size - done));
    const ssize_t got =
        ::pread(blob.file.get(), buffer.data(), want, static_cast<off_t>(range.first + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      throw Error(Errc::failed,
                  "failed to read a blob: " + (got < 0 ? std::generic_category().message(errno)
                                                       : std::string("its file is truncated")));
    if (!take(buffer.data(), static_cast<size_t>(got))) return;
    done += static_cast<uint64_t>(got);
  }
}

void set_blob_headers(const BlobProperties& known, const ByteRange& range,
                      const BlobRequest& request, Poco::Net::HTTPServerResponse& response) {
  response.set("ETag", known.etag);
  response.set("Last-Modified", support::http_date(support::from_unix_ms(known.modified * 1000)));
  response.set("Accept-Ranges", "bytes");
  response.set("x-ms-blob-type", "BlockBlob");
  response.set("x-ms-server-encrypted", "false");
  for (const auto& [name, value] : known.headers) {
    const bool is_of_whole = name == "content-md5" && range.is_part;
    response.set(is_of_whole ? "x-ms-blob-content-md5" : name, value);
  }
  if (request.parameter("sig").empty()) return;
  for (const auto& [parameter, header] : overrides)
    if (const auto value = request.parameter(parameter); !value.empty())
      response.set(header, support::one_line(value));
}

void set_range_checksum(const OpenBlob& blob, const ByteRange& range, const BlobRequest& request,
                        Poco::Net::HTTPServerResponse& response) {
  const bool wants_md5 = request.header("x-ms-range-get-content-md5") == "true";
  const bool wants_crc64 = request.header("x-ms-range-get-content-crc64") == "true";
  if (!wants_md5 && !wants_crc64) return;
  if (wants_md5 && wants_crc64)
    throw BlobError(400, "InvalidHeaderValue", "a range has either an MD5 or a CRC64");
  if (range.size > max_range_with_checksum)
    throw BlobError(400, "OutOfRangeInput", "a range with a checksum exceeds the limit of 4 MiB");
  Poco::MD5Engine md5;
  support::Crc64 crc64;
  read_range(blob, range, [&](const char* data, size_t size) {
    if (wants_md5) md5.update(data, size);
    if (wants_crc64) crc64.update({data, size});
    return true;
  });
  if (wants_crc64) return response.set("x-ms-content-crc64", support::crc64_header(crc64.value()));
  const auto& sum = md5.digest();
  response.set("Content-MD5",
               support::base64({reinterpret_cast<const char*>(sum.data()), sum.size()}));
}

}  // namespace jetpack::hub
