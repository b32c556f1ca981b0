// Access checks for the hub's blobs: Azure Storage SharedKey, service SAS and bearer tokens,
// as its REST reference documents them.
#include "blobs/blob_access.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <Poco/DateTimeFormatter.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Timestamp.h>
#include <Poco/URI.h>

#include "blobs/blob_error.hpp"
#include "blobs/blob_token.hpp"
#include "common/passwords.hpp"
#include "support/encoding.hpp"
#include "support/sha256.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t max_clock_skew = 900;  // seconds, as Azure's
// The string to sign has a form of its own from each of these on; 2025-07-05 has one that only
// user delegation needs.
constexpr std::string_view first_version = "2015-04-05";
constexpr std::string_view with_resource = "2018-11-09";
constexpr std::string_view with_directory = "2020-02-10";
constexpr std::string_view with_scope = "2020-12-06";
constexpr std::string_view too_new = "2025-07-05";
constexpr std::string_view our_version = "2020-12-06";
constexpr std::string_view permission_order = "racwdxyltfmeopi";

[[noreturn]] void refuse(const char* code, const std::string& text) {
  throw BlobError(403, code, text);
}

[[noreturn]] void not_authentic(const std::string& text) { refuse("AuthenticationFailed", text); }

std::string signature_of(const BlobAccount& account, std::string_view text) {
  const auto digest = support::hmac_sha256(support::base64_decoded(account.key).value_or(""), text);
  return support::base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

bool is_version(std::string_view text) {
  constexpr std::string_view form = "0000-00-00";
  if (text.size() != form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i)
    if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i]) return false;
  return true;
}

// "Authorize with Shared Key" of the reference, version 2015-02-21 and later.
std::string shared_key_text(const BlobRequest& request) {
  std::string text = request.method;
  for (const char* name :
       {"content-encoding", "content-language", "content-length", "content-md5", "content-type",
        "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"}) {
    std::string_view value = request.header(name);
    if (name == std::string_view("content-length") && value == "0") value = {};
    if (name == std::string_view("date") && !request.header("x-ms-date").empty()) value = {};
    text.append("\n").append(value);
  }
  text += '\n';
  for (const auto& [name, value] : request.headers)
    if (name.starts_with("x-ms-"))
      text.append(name).append(":").append(support::trimmed(value)) += '\n';
  text.append("/").append(request.account).append(request.raw_path);
  for (const auto& [name, value] : request.query)
    text.append("\n").append(name).append(":").append(value);
  return text;
}

void check_date(const BlobRequest& request, int64_t now) {
  const std::string_view own = request.header("x-ms-date");
  const auto time = support::parse_http_date(own.empty() ? request.header("date") : own);
  if (!time) not_authentic("the request has no valid x-ms-date or Date");
  const int64_t skew = time->time_since_epoch().count() - now;
  if (skew > max_clock_skew || skew < -max_clock_skew)
    not_authentic("the date of the request is more than 15 minutes off the server's clock");
}

BlobGrant check_shared_key(const BlobAccount& account, const BlobRequest& request, int64_t now) {
  const std::string_view authorization = request.header("authorization");
  const std::string expected = "SharedKey " + account.name + ":";
  if (!authorization.starts_with(expected))
    not_authentic("expected SharedKey authorization of the account '" + account.name + "'");
  if (!is_version(request.header("x-ms-version"))) not_authentic("x-ms-version is missing");
  check_date(request, now);
  if (!equal_in_constant_time(authorization.substr(expected.size()),
                              signature_of(account, shared_key_text(request))))
    not_authentic("the signature does not match the request");
  return {true, {}};
}

// A token of the simulated managed identity: everything in the container of its cluster.
BlobGrant check_token(const BlobAccount& account, const BlobRequest& request,
                      std::string_view token, int64_t now) {
  constexpr std::string_view first_version_with_tokens = "2017-11-09";
  if (request.header("x-ms-version") < first_version_with_tokens)
    not_authentic("a token needs an x-ms-version from " + std::string(first_version_with_tokens));
  const auto container = container_of_token(account, token, now);
  if (!container)
    throw BlobError(401, "InvalidAuthenticationInfo", "the token is invalid or has expired");
  if (*container != request.container)
    refuse("AuthorizationPermissionMismatch", "the identity has no role for this container");
  return {false, "racwdl"};
}

// The directory of the depth that the SAS names, which the blob must be in. The depth needs no
// signature of its own: another one makes it another directory.
std::optional<std::string> signed_directory(const BlobRequest& request) {
  const std::string_view text = request.parameter("sdd");
  size_t depth = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), depth);
  if (failure != std::errc{} || rest != text.data() + text.size() || depth == 0)
    return std::nullopt;
  size_t end = 0;
  for (; depth > 0; --depth) {
    end = request.blob.find('/', end + (end == 0 ? 0 : 1));
    if (end == std::string::npos) return std::nullopt;
  }
  return request.blob.substr(0, end);
}

// Which of the resources that contain the blob a SAS is for.
std::string signed_resource(const BlobAccount& account, const BlobRequest& request) {
  const std::string_view kind = request.parameter("sr");
  std::string container = "/blob/" + account.name + "/" + request.container;
  if (kind == "c") return container;
  if (kind == "b" && !request.blob.empty()) return container + "/" + request.blob;
  if (kind == "d" && request.parameter("sv") >= with_directory)
    if (const auto directory = signed_directory(request)) return container + "/" + *directory;
  not_authentic("the SAS is not for this blob (sr=b), its directory (sr=d) or container (sr=c)");
}

// "Create a service SAS" of the reference.
std::string sas_text(const BlobRequest& request, const std::string& resource) {
  const std::string version(request.parameter("sv"));
  std::vector<std::string> parts;
  const auto add = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) parts.emplace_back(request.parameter(name));
  };
  add({"sp", "st", "se"});
  parts.push_back(resource);
  add({"si", "sip", "spr", "sv"});
  if (version >= with_resource) add({"sr", "snapshot"});
  if (version >= with_scope) add({"ses"});
  add({"rscc", "rscd", "rsce", "rscl", "rsct"});
  std::string text;
  for (const auto& part : parts) text.append(part) += '\n';
  text.pop_back();
  return text;
}

// A SAS's time, in one of the three forms that the reference allows.
std::optional<int64_t> sas_time(std::string text) {
  constexpr size_t date_size = 10, minute_size = 17;
  if (text.size() == date_size) text += "T00:00:00Z";
  if (text.size() == minute_size && text.ends_with('Z')) text.replace(minute_size - 1, 1, ":00Z");
  if (!text.ends_with('Z')) return std::nullopt;
  const auto time = support::parse_iso_8601(text);
  if (!time) return std::nullopt;
  return support::unix_ms(*time) / 1000;
}

void check_sas_time(const BlobRequest& request, int64_t now) {
  const auto end = sas_time(std::string(request.parameter("se")));
  if (!end) not_authentic("the SAS has no valid expiry time (se)");
  if (now >= *end) not_authentic("the SAS has expired");
  if (request.parameter("st").empty()) return;
  const auto start = sas_time(std::string(request.parameter("st")));
  if (!start) not_authentic("the SAS has an invalid start time (st)");
  if (now < *start) not_authentic("the SAS is not valid yet");
}

// "1.2.3.4" or "1.2.3.4-1.2.3.9".
bool is_in_range(const std::string& client, const std::string& range) {
  const size_t dash = range.find('-');
  const std::string last = dash == std::string::npos ? range : range.substr(dash + 1);
  Poco::Net::IPAddress address, low, high;
  if (!Poco::Net::IPAddress::tryParse(client, address) ||
      !Poco::Net::IPAddress::tryParse(range.substr(0, dash), low) ||
      !Poco::Net::IPAddress::tryParse(last, high) || low.family() != address.family() ||
      high.family() != address.family())
    return false;
  const auto bytes = [](const Poco::Net::IPAddress& of) {
    const auto* begin = static_cast<const unsigned char*>(of.addr());
    return std::vector<unsigned char>(begin, begin + of.length());
  };
  return bytes(low) <= bytes(address) && bytes(address) <= bytes(high);
}

void check_permission_order(std::string_view permissions) {
  size_t last = 0;
  for (const char c : permissions) {
    const size_t at = permission_order.find(c, last);
    if (at == std::string_view::npos)
      not_authentic("invalid permissions of the SAS (sp): expected letters in the order " +
                    std::string(permission_order));
    last = at + 1;
  }
}

BlobGrant check_sas(const BlobAccount& account, const BlobRequest& request,
                    const std::string& client, int64_t now, const IsPolicyInForce& is_in_force) {
  const std::string version(request.parameter("sv"));
  if (!is_version(version) || version < first_version || version >= too_new)
    not_authentic("unsupported version of the SAS (sv): expected from " +
                  std::string(first_version) + " to before " + std::string(too_new));
  for (const char* name : {"skoid", "ss"})
    if (!request.parameter(name).empty()) not_authentic("only a service SAS is supported");
  const std::string resource = signed_resource(account, request);
  if (!equal_in_constant_time(request.parameter("sig"),
                              signature_of(account, sas_text(request, resource))))
    not_authentic("the signature does not match the SAS");
  check_sas_time(request, now);
  const std::string_view protocol = request.parameter("spr");
  if (!protocol.empty() && protocol != "https" && protocol != "https,http")
    not_authentic("invalid protocols of the SAS (spr): expected https or https,http");
  const std::string range(request.parameter("sip"));
  if (!range.empty() && !is_in_range(client, range))
    refuse("AuthorizationSourceIPMismatch", "the SAS is not valid for this client address");
  check_permission_order(request.parameter("sp"));
  const std::string policy(request.parameter("si"));
  if (!policy.empty() && !is_in_force(policy))
    not_authentic("the stored access policy of the SAS (si) is not in force");
  return {false, std::string(request.parameter("sp"))};
}

std::string utc(int64_t seconds) {
  return Poco::DateTimeFormatter::format(Poco::Timestamp::fromEpochTime(seconds),
                                         "%Y-%m-%dT%H:%M:%SZ");
}

}  // namespace

bool BlobGrant::allows(char permission) const {
  return is_owner || permissions.find(permission) != std::string::npos;
}

BlobGrant check_blob_access(const BlobAccount& account, const BlobRequest& request,
                            const std::string& client, int64_t now_seconds,
                            const IsPolicyInForce& is_in_force) {
  if (request.account != account.name)
    refuse("AuthorizationFailure", "unknown account; this hub's is '" + account.name + "'");
  if (!request.parameter("sig").empty())
    return check_sas(account, request, client, now_seconds, is_in_force);
  constexpr std::string_view bearer = "Bearer ";
  const std::string_view authorization = request.header("authorization");
  if (authorization.starts_with(bearer))
    return check_token(account, request, authorization.substr(bearer.size()), now_seconds);
  if (!authorization.empty()) return check_shared_key(account, request, now_seconds);
  throw BlobError(401, "NoAuthenticationInformation",
                  "the request has no SAS and no Authorization header");
}

std::string sign_sas(const BlobAccount& account, const SasTerms& terms) {
  using Resource = SasTerms::Resource;
  BlobRequest as_asked;
  const auto set = [&](const char* name, const std::string& value) {
    if (!value.empty()) as_asked.query[name] = value;
  };
  set("sv", std::string(our_version));
  set("sr", terms.resource == Resource::container   ? "c"
            : terms.resource == Resource::directory ? "d"
                                                    : "b");
  if (terms.resource == Resource::directory)
    set("sdd", std::to_string(1 + std::count(terms.path.begin(), terms.path.end(), '/')));
  set("sp", terms.permissions);
  set("spr", "https");
  set("st", utc(terms.now - max_clock_skew));
  set("se", utc(terms.expires));
  set("si", terms.policy);
  set("rscd", terms.content_disposition);
  set("rsct", terms.content_type);
  const std::string resource = "/blob/" + account.name + "/" + terms.container +
                               (terms.path.empty() ? "" : "/" + terms.path);
  set("sig", signature_of(account, sas_text(as_asked, resource)));
  std::string sas;
  for (const auto& [name, value] : as_asked.query) {
    std::string encoded;
    Poco::URI::encode(value, "+/=:&?%#,;", encoded);
    sas.append(sas.empty() ? "" : "&").append(name).append("=").append(encoded);
  }
  return sas;
}

}  // namespace jetpack::hub
