// Access tokens of the simulated managed identity, which the blob store accepts.
#include "blobs/blob_token.hpp"

#include <algorithm>

#include "common/json.hpp"
#include "common/passwords.hpp"
#include "support/encoding.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/sha256.hpp"

namespace jetpack::hub {

namespace {

// RFC 7515, appendix C.
std::string base64url(std::string_view bytes) {
  std::string text = support::base64(bytes);
  text.erase(text.find_last_not_of('=') + 1);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

std::string base64url_decoded(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '-', '+');
  std::replace(plain.begin(), plain.end(), '_', '/');
  return support::base64_decoded(plain).value_or("");
}

std::string token_signature(const BlobAccount& account, std::string_view text) {
  const auto digest = support::hmac_sha256("token " + account.key, text);
  return base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

std::string issue_token(const BlobAccount& account, std::string_view resource,
                        const TokenSubject& subject, int64_t now_seconds, int64_t expires) {
  const std::string header = support::json_object(
      [](support::Object& object) { object.text("alg", "HS256").text("typ", "JWT"); });
  const std::string claims = support::json_object([&](support::Object& object) {
    object.text("aud", resource)
        .text("iss", "https://sts.windows.net/00000000-0000-0000-0000-000000000000/")
        .number("iat", now_seconds)
        .number("nbf", now_seconds)
        .number("exp", expires)
        .text("sub", subject.name)
        .text("container", subject.container);
  });
  const std::string text = base64url(header) + '.' + base64url(claims);
  return text + '.' + token_signature(account, text);
}

std::optional<std::string> container_of_token(const BlobAccount& account, std::string_view token,
                                              int64_t now_seconds) {
  const size_t last = token.rfind('.');
  const size_t first = token.find('.');
  if (last == std::string_view::npos || first == last) return std::nullopt;
  const std::string_view text = token.substr(0, last);
  if (!equal_in_constant_time(token.substr(last + 1), token_signature(account, text)))
    return std::nullopt;
  const auto claims = parse_object(base64url_decoded(text.substr(first + 1)));
  if (!claims) return std::nullopt;
  std::string resource = support::text_or(*claims, "aud", "");
  if (resource.ends_with('/')) resource.pop_back();
  const bool is_valid = (resource == "https://storage.azure.com" ||
                         resource == "https://" + account.name + ".blob.core.windows.net") &&
                        now_seconds < static_cast<int64_t>(support::number_or(*claims, "exp", 0));
  if (!is_valid) return std::nullopt;
  return support::text_or(*claims, "container", "");
}

}  // namespace jetpack::hub
