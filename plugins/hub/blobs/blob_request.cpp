// Parses requests to the blob store.
#include "blobs/blob_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include <Poco/Exception.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include "blobs/blob_error.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_results = 5000;

// Headers of a Put that a Get returns.
struct KeptHeader {
  const char* asked;  // x-ms-blob-content-type
  const char* plain;  // the same for Put Blob alone; nullptr: none
  const char* kept;
};
constexpr std::array kept_headers{
    KeptHeader{"x-ms-blob-content-type", "content-type", "content-type"},
    KeptHeader{"x-ms-blob-content-encoding", "content-encoding", "content-encoding"},
    KeptHeader{"x-ms-blob-content-language", "content-language", "content-language"},
    KeptHeader{"x-ms-blob-cache-control", "cache-control", "cache-control"},
    KeptHeader{"x-ms-blob-content-disposition", nullptr, "content-disposition"},
    KeptHeader{"x-ms-blob-content-md5", nullptr, "content-md5"}};

std::string decoded(const std::string& text) {
  std::string result;
  try {
    Poco::URI::decode(text, result);
  } catch (const Poco::Exception&) {
    throw BlobError(400, "InvalidUri", "malformed URL");
  }
  return result;
}

// Each name once: the signature and the server might use different values of two.
void read_query(const Poco::URI& uri, BlobRequest& request) {
  try {
    for (const auto& [name, value] : uri.getQueryParameters())
      if (!request.query.emplace(Poco::toLower(name), value).second)
        throw BlobError(400, "InvalidQueryParameterValue", "a query parameter is repeated");
  } catch (const Poco::Exception&) {
    throw BlobError(400, "InvalidUri", "malformed query");
  }
}

std::string_view found_in(const std::map<std::string, std::string>& map, std::string_view name) {
  const auto found = map.find(std::string(name));
  return found == map.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<int64_t> seconds_of(std::string_view http_date) {
  const auto time = support::parse_http_date(http_date);
  if (!time) return std::nullopt;
  return time->time_since_epoch().count();
}

}  // namespace

std::string_view BlobRequest::parameter(std::string_view name) const {
  return found_in(query, name);
}

std::string_view BlobRequest::header(std::string_view name) const {
  return found_in(headers, name);
}

BlobRequest read_blob_request(const Poco::Net::HTTPServerRequest& asked) {
  BlobRequest request;
  request.method = asked.getMethod();
  for (const auto& [name, value] : asked)
    if (!request.headers.emplace(Poco::toLower(name), value).second)
      throw BlobError(400, "InvalidHeaderValue", "a header is repeated");
  const std::string& target = asked.getURI();
  request.raw_path = target.substr(0, target.find('?'));
  try {
    read_query(Poco::URI(target), request);
  } catch (const Poco::SyntaxException&) {
    throw BlobError(400, "InvalidUri", "malformed URL");
  }
  // "/ACCOUNT/CONTAINER/BLOB"; the blob's name may have any number of '/'.
  const std::string path = request.raw_path.substr(std::min<size_t>(1, request.raw_path.size()));
  const size_t first = std::min(path.find('/'), path.size());
  const size_t second = std::min(path.find('/', first + 1), path.size());
  request.account = decoded(path.substr(0, first));
  if (first < path.size()) request.container = decoded(path.substr(first + 1, second - first - 1));
  if (second < path.size()) request.blob = decoded(path.substr(second + 1));
  return request;
}

void check_conditions(const BlobRequest& request, const BlobProperties* blob, bool is_read) {
  const auto matches = [&](std::string_view wanted) {
    return blob != nullptr && (wanted == "*" || wanted == blob->etag);
  };
  const std::string_view match = request.header("if-match");
  const std::string_view none_match = request.header("if-none-match");
  const auto since = seconds_of(request.header("if-modified-since"));
  const auto until = seconds_of(request.header("if-unmodified-since"));
  const bool is_unchanged = (!none_match.empty() && matches(none_match)) ||
                            (blob != nullptr && since && blob->modified <= *since);
  if ((!match.empty() && !matches(match)) || (blob != nullptr && until && blob->modified > *until))
    throw BlobError(412, "ConditionNotMet", "the blob does not meet the conditions of the request");
  if (!is_unchanged) return;
  if (is_read) throw BlobError(304, "ConditionNotMet", "the blob has not changed");
  throw none_match == "*"
      ? BlobError(409, "BlobAlreadyExists", "the blob already exists")
      : BlobError(412, "ConditionNotMet", "the blob does not meet the conditions of the request");
}

ByteRange range_of(const BlobRequest& request, uint64_t bytes) {
  std::string_view text = request.header("x-ms-range");
  if (text.empty()) text = request.header("range");
  const ByteRange whole{0, bytes, false};
  constexpr std::string_view unit = "bytes=";
  if (!text.starts_with(unit)) return whole;
  text.remove_prefix(unit.size());
  uint64_t first = 0, last = UINT64_MAX;
  const char* end = text.data() + text.size();
  auto [at, failure] = std::from_chars(text.data(), end, first);
  if (failure != std::errc{} || at == end || *at != '-') return whole;
  if (++at != end) {
    const auto [rest, wrong] = std::from_chars(at, end, last);
    if (wrong != std::errc{} || rest != end || last < first) return whole;
  }
  if (first >= bytes)
    throw BlobError(416, "InvalidRange", "the range begins after the end of the blob");
  return {first, std::min(last, bytes - 1) - first + 1, true};
}

BlobProperties properties_in(const BlobRequest& request, bool is_whole) {
  BlobProperties properties;
  for (const auto& [asked, plain, kept] : kept_headers) {
    std::string_view value = request.header(asked);
    if (value.empty() && is_whole && plain != nullptr) value = request.header(plain);
    if (!value.empty()) properties.headers.emplace_back(kept, value);
  }
  for (const auto& [name, value] : request.headers)
    if (name.starts_with("x-ms-meta-")) properties.headers.emplace_back(name, value);
  if (properties.header("content-type").empty())
    properties.headers.emplace_back("content-type", "application/octet-stream");
  return properties;
}

size_t max_results_of(const BlobRequest& request) {
  const std::string_view text = request.parameter("maxresults");
  if (text.empty()) return max_results;
  size_t number = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || rest != text.data() + text.size() || number == 0)
    throw BlobError(400, "OutOfRangeQueryParameterValue", "'maxresults' must be from 1 to 5000");
  return std::min(number, max_results);
}

}  // namespace jetpack::hub
