// Names of blobs, containers and blocks, and the file names that they are stored under.
#include "blobs/blob_names.hpp"

#include <algorithm>
#include <cstddef>

#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/stringbuffer.h>

#include "blobs/blob_error.hpp"
#include "common/base64.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_blob_name = 1024;  // Azure's, in characters; here in bytes
constexpr size_t max_segment = 200;     // with what it is escaped by, it must be a file name
constexpr size_t max_block_id = 64;     // bytes, before base64

[[noreturn]] void bad_name(const std::string& why) {
  throw BlobError(400, "InvalidResourceName", "the blob's name cannot be kept: " + why);
}

bool is_well_formed(const std::string& text) {
  rapidjson::MemoryStream in(text.data(), text.size());
  rapidjson::StringBuffer out;
  while (in.Tell() < text.size())
    if (!rapidjson::UTF8<>::Validate(in, out)) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
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
  if (blob.empty() || blob.size() > max_blob_name) bad_name("it has no or too many characters");
  if (!is_well_formed(blob)) bad_name("it is not UTF-8 text without control characters");
  std::vector<std::string> segments;
  for (size_t at = 0; at <= blob.size();) {
    const size_t end = std::min(blob.find('/', at), blob.size());
    const std::string segment = blob.substr(at, end - at);
    if (segment.empty() || segment == "." || segment == "..")
      bad_name("it has a segment that is empty, '.' or '..'");
    segments.push_back(escaped(segment));
    if (segments.back().size() > max_segment) bad_name("it has a segment that is too long");
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

std::string block_file(const std::string& id) {
  const std::string bytes = from_base64(id);
  if (bytes.empty() || bytes.size() > max_block_id || to_base64(bytes) != id)
    throw BlobError(400, "InvalidQueryParameterValue",
                    "a block's id must be base64 of at most 64 bytes");
  std::string name;
  constexpr std::string_view hex = "0123456789abcdef";
  for (const char c : bytes) {
    name += hex[static_cast<unsigned char>(c) >> 4U];
    name += hex[static_cast<unsigned char>(c) & 15U];
  }
  return name;
}

}  // namespace jetpack::hub
