// Names of blobs, containers and blocks, and the file names that they are stored under.
#include "blobs/blob_names.hpp"

#include <algorithm>
#include <cstddef>

#include "blobs/blob_error.hpp"
#include "support/encoding.hpp"
#include "support/sha256.hpp"
#include "support/utf8.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_blob_name = 1024;  // Azure's, in characters; here in bytes
constexpr size_t max_segment = 200;     // with what it is escaped by, it must be a file name
constexpr size_t max_block_id = 64;     // bytes, before base64

[[noreturn]] void bad_name(const std::string& why) {
  throw BlobError(400, "InvalidResourceName", "invalid blob name: " + why);
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
  });
}

std::string escaped(std::string_view segment) {
  std::string text;
  for (const char c : segment) {
    if (c == '%')
      text += "%25";
    else
      text += c;
  }
  return text;
}

}  // namespace

std::string unescaped(std::string_view segment) {
  std::string text;
  for (size_t i = 0; i < segment.size(); ++i) {
    text += segment[i];
    if (segment.substr(i).starts_with("%25")) i += 2;
  }
  return text;
}

std::vector<std::string> segments_of(const std::string& blob) {
  if (blob.empty() || blob.size() > max_blob_name) bad_name("it is empty or too long");
  if (!support::is_utf8(blob) || has_control_character(blob))
    bad_name("it is not UTF-8 or contains control characters");
  std::vector<std::string> segments;
  for (size_t at = 0; at <= blob.size();) {
    const size_t end = std::min(blob.find('/', at), blob.size());
    const std::string segment = blob.substr(at, end - at);
    if (segment.empty() || segment == "." || segment == "..")
      bad_name("a segment is empty, '.' or '..'");
    segments.push_back(escaped(segment));
    if (segments.back().size() > max_segment) bad_name("a segment is too long");
    at = end + 1;
  }
  return segments;
}

bool is_container_name(const std::string& name) {
  return name.size() >= 3 && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         name.find("--") == std::string::npos && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::string locker_container(std::string_view cluster) {
  constexpr size_t longest = 50;
  constexpr size_t digits = 40;
  const bool is_plain = cluster.size() <= longest && cluster.find("--") == std::string_view::npos &&
                        !cluster.ends_with('-') &&
                        std::all_of(cluster.begin(), cluster.end(), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                        });
  if (is_plain) return "locker-" + std::string(cluster);
  // Another prefix, so that no cluster can have the name of another's container.
  return "lockers-" + support::sha256_hex(cluster).substr(0, digits);
}

std::string block_file(const std::string& id) {
  const std::string bytes = support::base64_decoded(id).value_or("");
  if (bytes.empty() || bytes.size() > max_block_id || support::base64(bytes) != id)
    throw BlobError(400, "InvalidQueryParameterValue",
                    "invalid block id: expected base64 of at most 64 bytes");
  return support::hex(bytes);
}

}  // namespace jetpack::hub
