// Signatures of Azure Storage.
#include "services/storage/signing.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <initializer_list>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"

namespace jetpack::storage {

namespace {

std::string header_of(const SignedRequest& request, const char* name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

std::string joined_lines(std::initializer_list<std::string_view> lines) {
  std::string text;
  for (const auto line : lines) text += std::string(line) + '\n';
  text.pop_back();
  return text;
}

std::string canonical_resource(const SasTerms& terms) {
  return "/blob/" + std::string(terms.account) + '/' + std::string(terms.container) + '/' +
         std::string(terms.blob);
}

void add_unless_empty(std::string& query, const char* name, std::string_view value) {
  if (!value.empty()) query += std::string("&") + name + '=' + support::percent_encoded(value);
}

// What all SAS for one blob have in common, but for the signature.
std::string sas_query(const SasTerms& terms) {
  std::string query = "sv=" + std::string(sas_version) +
                      "&spr=https&st=" + support::percent_encoded(sas_time(terms.starts)) +
                      "&se=" + support::percent_encoded(sas_time(terms.expires)) + "&sr=b&sp=r";
  add_unless_empty(query, "rscd", terms.content_disposition);
  add_unless_empty(query, "rsct", terms.content_type);
  return query;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0 || text.size() > 4096) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (text.substr(0, text.size() - padding).find_first_not_of(letters) != std::string_view::npos)
    return std::nullopt;
  std::string bytes(text.size() / 4 * 3 + 1, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  bytes.resize(static_cast<size_t>(size) - padding);
  return bytes;
}

std::string sign_text(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
           &size) == nullptr)
    throw Error(Errc::internal, "OpenSSL made no HMAC-SHA256");
  return base64({reinterpret_cast<const char*>(digest.data()), size});
}

std::string sas_time(support::SystemTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  std::array<char, 32> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &fields);
  return {text.data(), size};
}

std::optional<support::SystemTime> parse_sas_time(std::string_view text) {
  if (text.size() > 40) return std::nullopt;
  const std::string copy(text);
  for (const char* form : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm fields{};
    const char* end = ::strptime(copy.c_str(), form, &fields);
    if (end == nullptr) continue;
    std::string_view rest(end);
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      rest.remove_prefix(std::min(rest.find_first_not_of("0123456789"), rest.size()));
    }
    if (rest.empty() || rest == "Z" || rest == "+00:00")
      return std::chrono::system_clock::from_time_t(::timegm(&fields));
  }
  return std::nullopt;
}

std::string shared_key(const SignedRequest& request, std::string_view key) {
  std::string text(request.method);
  const std::string length =
      request.content_length == 0 ? "" : std::to_string(request.content_length);
  for (const auto& value :
       {header_of(request, "content-encoding"), header_of(request, "content-language"), length,
        header_of(request, "content-md5"), header_of(request, "content-type"), std::string(),
        header_of(request, "if-modified-since"), header_of(request, "if-match"),
        header_of(request, "if-none-match"), header_of(request, "if-unmodified-since"),
        header_of(request, "range")})
    text.append(1, '\n').append(value);
  for (const auto& [name, value] : request.headers)
    if (name.starts_with("x-ms-")) text.append(1, '\n').append(name).append(1, ':').append(value);
  text += "\n/" + std::string(request.account) + std::string(request.path);
  for (const auto& [name, value] : request.query)
    text.append(1, '\n').append(name).append(1, ':').append(value);
  return "SharedKey " + std::string(request.account) + ':' + sign_text(key, text);
}

std::string service_sas(const SasTerms& terms, std::string_view key) {
  // sp, st, se, resource, si, sip, spr, sv, sr, snapshot, ses, rscc, rscd, rsce, rscl, rsct
  const std::string text =
      joined_lines({"r", sas_time(terms.starts), sas_time(terms.expires), canonical_resource(terms),
                    "", "", "https", sas_version, "b", "", "", "", terms.content_disposition, "",
                    "", terms.content_type});
  return sas_query(terms) + "&sig=" + support::percent_encoded(sign_text(key, text));
}

std::string delegation_sas(const SasTerms& terms, const DelegationKey& key) {
  // sp, st, se, resource, skoid, sktid, skt, ske, sks, skv, saoid, suoid, scid, sip, spr, sv, sr,
  // snapshot, ses, rscc, rscd, rsce, rscl, rsct
  const std::string text = joined_lines({"r",
                                         sas_time(terms.starts),
                                         sas_time(terms.expires),
                                         canonical_resource(terms),
                                         key.object_id,
                                         key.tenant_id,
                                         key.starts,
                                         key.expires,
                                         key.service,
                                         key.version,
                                         "",
                                         "",
                                         "",
                                         "",
                                         "https",
                                         sas_version,
                                         "b",
                                         "",
                                         "",
                                         "",
                                         terms.content_disposition,
                                         "",
                                         "",
                                         terms.content_type});
  std::string query = sas_query(terms);
  add_unless_empty(query, "skoid", key.object_id);
  add_unless_empty(query, "sktid", key.tenant_id);
  add_unless_empty(query, "skt", key.starts);
  add_unless_empty(query, "ske", key.expires);
  add_unless_empty(query, "sks", key.service);
  add_unless_empty(query, "skv", key.version);
  return query + "&sig=" + support::percent_encoded(sign_text(key.value, text));
}

}  // namespace jetpack::storage
