// Masks secrets in text that is about to be logged or shown.
#include "support/redact.hpp"

#include <array>
#include <cctype>

namespace jetpack {

namespace {

constexpr std::string_view mask = "[redacted]";

// Names after which a value is secret; matched in any case, also as the end of a longer name:
// api_password, AccountKey, client_secret. "sig" is a SAS signature.
constexpr std::array<std::string_view, 12> secret_names = {
    "password", "passwd",        "passphrase",
    "secret",   "token",         "accountkey",
    "api_key",  "apikey",        "sharedaccesssignature",
    "sig",      "authorization", "access_key"};

// Names that are secret only when they stand alone: "design=1" is no signature.
bool must_stand_alone(std::string_view name) { return name == "sig"; }

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

bool is_base64url(char c) { return is_name_char(c); }

bool ends_with_name(std::string_view text, size_t end, std::string_view name) {
  if (end < name.size()) return false;
  const size_t start = end - name.size();
  for (size_t i = 0; i < name.size(); ++i)
    if (lower(text[start + i]) != name[i]) return false;
  return !must_stand_alone(name) || start == 0 || !is_name_char(text[start - 1]);
}

bool is_secret_name(std::string_view text, size_t end) {
  for (const auto name : secret_names)
    if (ends_with_name(text, end, name)) return true;
  return false;
}

// Where the value starts, given the end of a name: behind quotes, blanks and one of = or : ; npos
// when what follows is no value.
size_t value_start(std::string_view text, size_t at) {
  if (at < text.size() && text[at] == '\\') ++at;
  if (at < text.size() && (text[at] == '"' || text[at] == '\'')) ++at;
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  if (at >= text.size() || (text[at] != '=' && text[at] != ':')) return std::string_view::npos;
  ++at;
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  return at;
}

// The end of a quoted value: before the quote that closes it. In JSON within a string the quotes
// themselves are escaped.
size_t quoted_end(std::string_view text, size_t at) {
  const bool within_string = text[at] == '\\';
  if (within_string) ++at;
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (text[at] == quote) return at;
    if (text[at] != '\\' || at + 1 == text.size()) continue;
    if (within_string && text[at + 1] == quote) return at;
    ++at;
  }
  return at;
}

bool is_quote(std::string_view text, size_t at) {
  return at < text.size() && (text[at] == '"' || text[at] == '\'');
}

size_t value_end(std::string_view text, size_t at) {
  const bool escaped = at < text.size() && text[at] == '\\';
  if (is_quote(text, escaped ? at + 1 : at)) return quoted_end(text, at);
  // An Authorization header has a scheme and a blank before the secret.
  for (const std::string_view scheme : {"basic ", "bearer ", "sharedkey "}) {
    size_t i = 0;
    while (i < scheme.size() && at + i < text.size() && lower(text[at + i]) == scheme[i]) ++i;
    if (i == scheme.size()) at += i;
  }
  while (at < text.size() &&
         std::string_view(" \t\r\n&;,\"'<>)}").find(text[at]) == std::string_view::npos)
    ++at;
  return at;
}

// The end of a JSON web token that starts at `at` ("eyJ", two dots), or `at`.
size_t web_token_end(std::string_view text, size_t at) {
  if (text.substr(at, 3) != "eyJ") return at;
  size_t end = at;
  int dots = 0;
  while (end < text.size() && (is_base64url(text[end]) || text[end] == '.'))
    dots += text[end++] == '.';
  return dots >= 2 ? end : at;
}

// The end of "user:password@" that starts behind "://", or `at`.
size_t user_info_end(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() &&
         std::string_view("/ \t\r\n\"'?#<>").find(text[end]) == std::string_view::npos) {
    if (text[end] == '@') return end;
    ++end;
  }
  return at;
}

constexpr std::string_view pem_begin = "-----BEGIN ";
constexpr std::string_view pem_end = "-----END ";

// The end of a PEM private key's body that starts at `at`, or `at`.
size_t private_key_end(std::string_view text, size_t at) {
  if (text.substr(at, pem_begin.size()) != pem_begin) return at;
  const size_t label = text.find("-----", at + pem_begin.size());
  if (label == std::string_view::npos) return at;
  if (text.substr(at, label - at).find("PRIVATE KEY") == std::string_view::npos) return at;
  const size_t end = text.find(pem_end, label);
  return end == std::string_view::npos ? text.size() : end;
}

}  // namespace

std::string redact(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  size_t at = 0;
  const auto skip_to = [&](size_t end) {
    clean += mask;
    at = end;
  };
  while (at < text.size()) {
    if (text[at] == 'e') {
      if (const size_t end = web_token_end(text, at);
          end != at && (at == 0 || !is_base64url(text[at - 1]))) {
        skip_to(end);
        continue;
      }
    }
    if (text[at] == '-') {
      if (const size_t end = private_key_end(text, at); end != at) {
        skip_to(end);
        continue;
      }
    }
    clean += text[at++];
    if (at >= 3 && text.substr(at - 3, 3) == "://") {
      if (const size_t end = user_info_end(text, at); end != at) skip_to(end);
      continue;
    }
    const bool at_name_end =
        is_name_char(text[at - 1]) && (at == text.size() || !is_name_char(text[at]));
    if (!at_name_end || !is_secret_name(text, at)) continue;
    const size_t start = value_start(text, at);
    if (start == std::string_view::npos) continue;
    const size_t end = value_end(text, start);
    if (end == start) continue;
    clean += text.substr(at, start - at);
    // Quotes stay, so that JSON stays JSON.
    if (text[start] == '\\' && start + 1 < end)
      clean += text.substr(start, 2);
    else if (text[start] == '"' || text[start] == '\'')
      clean += text[start];
    skip_to(end);
  }
  return clean;
}

}  // namespace jetpack
