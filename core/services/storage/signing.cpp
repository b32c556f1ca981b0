// Signatures of Azure Storage.
#include "services/storage/signing.hpp"

#include <initializer_list>

#include "support/encoding.hpp"
#include "support/sha256.hpp"

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
  std::string query =
      "sv=" + std::string(sas_version) +
      "&spr=https&st=" + support::percent_encoded(support::iso_8601_seconds(terms.starts)) +
      "&se=" + support::percent_encoded(support::iso_8601_seconds(terms.expires)) + "&sr=b&sp=r";
  add_unless_empty(query, "rscd", terms.content_disposition);
  add_unless_empty(query, "rsct", terms.content_type);
  return query;
}

// base64(HMAC-SHA256(key, text)).
std::string sign_text(std::string_view key, std::string_view text) {
  const auto digest = support::hmac_sha256(key, text);
  return support::base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

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
  const std::string text = joined_lines(
      {"r", support::iso_8601_seconds(terms.starts), support::iso_8601_seconds(terms.expires),
       canonical_resource(terms), "", "", "https", sas_version, "b", "", "", "",
       terms.content_disposition, "", "", terms.content_type});
  return sas_query(terms) + "&sig=" + support::percent_encoded(sign_text(key, text));
}

std::string delegation_sas(const SasTerms& terms, const DelegationKey& key) {
  // sp, st, se, resource, skoid, sktid, skt, ske, sks, skv, saoid, suoid, scid, sip, spr, sv, sr,
  // snapshot, ses, rscc, rscd, rsce, rscl, rsct
  const std::string text = joined_lines({"r",
                                         support::iso_8601_seconds(terms.starts),
                                         support::iso_8601_seconds(terms.expires),
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
