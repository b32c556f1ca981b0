// What an answer of the Blob service means.
#include "services/storage/azure_answers.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "services/http/retry.hpp"
#include "services/http/retry_after.hpp"
#include "services/http/status.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::storage {

namespace {

using std::chrono::seconds;

// Azure takes requests whose date is so far from its own.
constexpr seconds most_skew{300};

// "503 (ServerBusy)". The code is a header of the other side's: only what it should hold is shown.
std::string status_text(const http::Response& reply) {
  std::string text = std::to_string(reply.status);
  const std::string code = reply.header("x-ms-error-code");
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (code.empty() || code.size() > 64 || !std::all_of(code.begin(), code.end(), is_letter))
    return text;
  return text + " (" + code + ')';
}

bool lacks_container(const http::Response& reply) {
  return reply.status == 404 && reply.header("x-ms-error-code").starts_with("Container");
}

// What a refusal may come from when the clocks differ; empty when they do not.
std::string clock_hint(const http::Response& reply) {
  const auto theirs = support::parse_http_date(reply.header("date"));
  if (!theirs) return {};
  const auto ahead =
      std::chrono::duration_cast<seconds>(std::chrono::system_clock::now() - *theirs);
  if (std::chrono::abs(ahead) <= most_skew) return {};
  return "; this node's clock is " + std::to_string(std::chrono::abs(ahead).count()) + " s " +
         (ahead.count() > 0 ? "ahead of" : "behind") + " the locker's (" +
         support::iso_8601_seconds(*theirs) + "): set it, then try again";
}

std::string where_to(const std::string& location) {
  const size_t start = location.find("://");
  if (start > 10) return "another path";  // npos too
  const std::string host = location.substr(0, location.find_first_of("/?#", start + 3));
  const bool is_plain = std::all_of(host.begin(), host.end(),
                                    [](char c) { return c > ' ' && c < '\x7f' && c != '@'; });
  return is_plain && host.size() <= 200 ? host : "another server";
}

// A gateway or a login page in between answers with 200 and HTML; every answer of the service has
// headers of its own.
bool is_foreign_page(const http::Response& reply) {
  const auto is_azure = [](const auto& header) { return header.first.starts_with("x-ms-"); };
  return reply.status >= 200 && reply.status < 300 &&
         support::lower_case(reply.header("content-type")).starts_with("text/html") &&
         std::none_of(reply.headers.begin(), reply.headers.end(), is_azure);
}

}  // namespace

bool is_refusal(const http::Response& reply) {
  return reply.status == 401 || reply.status == 403 || lacks_container(reply) ||
         (reply.status == 400 && reply.header("x-ms-error-code") == "InvalidAuthenticationInfo");
}

Error refused(const Description& locker, const http::Response& reply, const std::string& why) {
  const std::string described = " (described in " + locker.source + ')';
  if (lacks_container(reply))
    return {Errc::failed, "container not found" + described + ": " + status_text(reply) +
                              "; create it or describe another locker"};
  if (const std::string clock = clock_hint(reply); !clock.empty())
    return {Errc::denied,
            "it refused this node's access" + described + ": " + status_text(reply) + clock};
  const char* const advice = locker.credential.kind == Credential::Kind::none
                                 ? "; it has no credential: add sas, account_key or identity"
                                 : "; give the node a credential that is valid and allows this";
  return {Errc::denied, "it refused this node's access" + described + ": " + status_text(reply) +
                            "; and no other credential is available: " + why + advice};
}

Error unexpected(const http::Response& reply) {
  const auto advice = http::meaning_of(reply.status).advice;
  return {Errc::failed,
          "it answered " + status_text(reply) + (advice.empty() ? "" : ": " + std::string(advice))};
}

void check_answer(const http::Response& reply) {
  if (is_foreign_page(reply))
    throw Error(Errc::failed, "it answered " + std::to_string(reply.status) +
                                  " with a web page instead of a blob; is a login page or gateway "
                                  "in between?");
  if (http::is_retryable(reply.status))
    throw http::Retryable("it answered " + status_text(reply),
                          http::retry_after(reply.header("retry-after"), reply.header("date"),
                                            std::chrono::system_clock::now()));
  if (reply.status >= 300 && reply.status < 400 && reply.status != 304)
    throw Error(Errc::denied, "it redirects to " + where_to(reply.header("location")) +
                                  ", which is not followed: it would carry the credential "
                                  "elsewhere; put the right address into the locker's description");
}

uint64_t decimal(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (text.empty() || failure != std::errc{} || stop != end)
    throw Error(Errc::corrupt, "it answered without the length of the blob");
  return value;
}

bool is_unsupported(const http::Response& reply) {
  return (reply.status == 400 && !is_refusal(reply)) || reply.status == 501 ||
         reply.header("x-ms-error-code") == "FeatureNotSupported";
}

void check_arrival(const http::Response& reply) {
  const std::string code = reply.header("x-ms-error-code");
  if (reply.status == 400 && (code == "Md5Mismatch" || code == "Crc64Mismatch"))
    throw http::Retryable(std::string(damaged_upload) + ": " + status_text(reply));
}

uint64_t check_range(const http::Response& reply, const BlobInfo& blob, uint64_t begin,
                     uint64_t end) {
  const std::string etag = reply.header("etag");
  if (!blob.etag.empty() && etag != blob.etag) throw BlobChanged{};
  if (reply.status == 200) {
    if (begin == 0 && end == blob.bytes && decimal(reply.header("content-length")) == end)
      return end;
    throw Error(Errc::failed, "it does not support ranges (answered 200 instead of 206)");
  }
  if (reply.status != 206) throw unexpected(reply);
  // "bytes FIRST-LAST/TOTAL"; it may be less than was asked for, which is then asked for again.
  const std::string range = reply.header("content-range");
  const size_t dash = range.find('-');
  const size_t slash = range.find('/');
  if (!range.starts_with("bytes ") || dash == std::string::npos || slash == std::string::npos ||
      dash > slash)
    throw Error(Errc::corrupt, "it sent a part without saying which");
  const std::string_view text(range);
  if (decimal(text.substr(slash + 1)) != blob.bytes) throw BlobChanged{};
  const uint64_t last = decimal(text.substr(dash + 1, slash - dash - 1));
  if (decimal(text.substr(6, dash - 6)) != begin || last < begin || last >= end)
    throw Error(Errc::corrupt, "it sent other bytes than those that were asked for");
  return last + 1;
}

}  // namespace jetpack::storage
