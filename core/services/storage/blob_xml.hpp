// What Azure Storage answers in XML: pages of blobs, and keys that it lends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "services/storage/signing.hpp"

namespace jetpack::storage {

// What is known of one blob.
struct BlobInfo {
  std::string name;
  uint64_t bytes = 0;
  std::string modified;       // ISO 8601, or empty
  std::string etag;           // as the server writes it, quotes included
  std::string md5;            // of the whole, hex; empty: unknown
  std::string url;            // without a credential; known of one that was asked for by its name
  bool is_directory = false;  // a marker of a directory, as hierarchical accounts have them
};

struct BlobPage {
  std::vector<BlobInfo> blobs;
  std::string next;  // the marker of the next page; empty: this is the last
};

// Throw Errc::corrupt when the text is not what was asked for.
BlobPage parse_page(std::string_view xml);
DelegationKey parse_delegation_key(std::string_view xml);

// "Mon, 19 Sep 2016 18:29:47 GMT" as "2016-09-19T18:29:47Z"; empty when it is not an HTTP date.
std::string iso_of_http_date(std::string_view date);

// The hex of a Content-MD5 header; empty when it is none.
std::string hex_of_content_md5(std::string_view base64_text);

// {"name", "bytes", "modified", "etag", "md5"?, "url"?, "directory"?: true}, without a line's end.
std::string json_line(const BlobInfo& blob);
// Reads one. Throws Errc::usage.
BlobInfo parse_json_line(std::string_view line);

}  // namespace jetpack::storage
