// Secrets that tell themselves: prefixed tokens, hashes of passwords, user information of URLs.
#include <algorithm>
#include <array>

#include "support/encoding.hpp"
#include "support/redact_detectors.hpp"
#include "support/redact_values.hpp"

namespace jetpack::support {

namespace {

constexpr bool is_base64url(char c) { return is_name_char(c) || c == '.'; }
constexpr bool is_hex_digit(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }

struct Prefix {
  std::string_view text;
  size_t candidate;  // where in it the candidate is
  size_t least;      // characters that follow
};

// As the issuers document them; gitleaks' rules have the same. What may follow: letters, digits,
// - _ and '.'.
constexpr auto token_prefixes = std::to_array<Prefix>({
    {"ghp_", 0, 30},          {"gho_", 0, 30},
    {"ghu_", 0, 30},          {"ghs_", 0, 30},
    {"ghr_", 0, 30},          {"github_pat_", 5, 30},
    {"glpat-", 0, 16},        {"gldt-", 0, 16},
    {"glrt-", 0, 16},         {"glsa_", 0, 24},
    {"glsoat-", 0, 16},       {"glptt-", 0, 24},
    {"glcbt-", 0, 16},        {"glc_", 0, 30},
    {"glft-", 0, 16},         {"glffct-", 0, 16},
    {"glimt-", 0, 16},        {"glagent-", 0, 30},
    {"gloas-", 0, 30},        {"xoxb-", 0, 16},
    {"xoxp-", 0, 16},         {"xoxa-", 0, 8},
    {"xoxo-", 0, 16},         {"xoxr-", 0, 8},
    {"xoxs-", 0, 16},         {"xoxe-", 0, 16},
    {"xoxe.", 0, 16},         {"xapp-", 0, 16},
    {"xkeysib-", 0, 30},      {"sk-ant-", 0, 20},
    {"sk-proj-", 0, 20},      {"sk-", 0, 32},
    {"sk_live_", 0, 10},      {"sk_test_", 0, 10},
    {"sk_prod_", 0, 10},      {"rk_live_", 0, 10},
    {"rk_test_", 0, 10},      {"hf_", 0, 30},
    {"r8_", 0, 30},           {"SG.", 0, 40},
    {"nvapi-", 0, 30},        {"npm_", 0, 36},
    {"ntn_", 0, 40},          {"nfp_", 0, 30},
    {"pypi-", 0, 50},         {"dckr_pat_", 0, 20},
    {"dapi", 0, 32},          {"hvs.", 0, 20},
    {"hvb.", 0, 20},          {"hvr.", 0, 20},
    {"AKIA", 0, 16},          {"ASIA", 0, 16},
    {"ABIA", 0, 16},          {"ACCA", 0, 16},
    {"AKCp", 0, 60},          {"ATATT3", 0, 60},
    {"AIza", 0, 30},          {"AGE-SECRET-KEY-", 0, 40},
    {"ya29.", 0, 20},         {"LTAI", 0, 16},
    {"PMAK-", 0, 40},         {"NRAK-", 0, 24},
    {"HRKU-", 0, 40},         {"dop_v1_", 0, 40},
    {"doo_v1_", 0, 40},       {"dor_v1_", 0, 40},
    {"dt0c01.", 0, 40},       {"dp.pt.", 0, 40},
    {"dp.st.", 0, 40},        {"lin_api_", 0, 30},
    {"pul-", 0, 40},          {"sbp_", 0, 40},
    {"shpat_", 0, 32},        {"shpca_", 0, 32},
    {"shppa_", 0, 32},        {"shpss_", 0, 32},
    {"sntrys_", 0, 30},       {"sntryu_", 0, 40},
    {"tskey-", 0, 16},        {"gsk_", 0, 40},
    {"figd_", 0, 30},         {"pplx-", 0, 40},
    {"pscale_tkn_", 0, 30},   {"pscale_pw_", 0, 30},
    {"pscale_oauth_", 0, 30}, {"sq0atp-", 0, 20},
    {"sq0csp-", 0, 20},       {"atlasv1.", 4, 50},
    {"sha256~", 3, 40},
});

// Identifiers of the kind that tokens are: letters and digits without any order.
bool is_token(std::string_view value) {
  size_t digits = 0, letters = 0, runs = 0, run = 0;
  for (const char c : value) {
    if (is_digit(c)) ++digits;
    if (is_alnum(c) && !is_digit(c)) ++letters;
    run = is_alnum(c) ? run + 1 : 0;
    runs = std::max(runs, run);
  }
  const bool has_case = std::any_of(value.begin(), value.end(), is_upper) &&
                        std::any_of(value.begin(), value.end(), is_lower);
  return runs >= 8 && letters > 0 && (digits > 0 || has_case);
}

// Parts of a token may be separated by dots; ".log" is not one.
size_t behind_token(const WindowReader& text, size_t at) {
  constexpr size_t least_part = 7;
  size_t end = text.skip_while(at, is_name_char);
  while (text[end] == '.') {
    const size_t next = text.skip_while(end + 1, is_name_char);
    if (next - end <= least_part) break;
    end = next;
  }
  return end;
}

Secret bytes_from(size_t start, size_t end) { return {start, Masking::bytes(end - start)}; }

bool is_printable_with_colon(std::string_view text) {
  return text.find(':') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::optional<Secret> prefixed(const WindowReader& text) {
  for (const size_t candidate : {text.at(), text.at() + 1}) {  // some begin with what is before
    for (const auto& prefix : token_prefixes) {
      const size_t begin = candidate - prefix.candidate;
      if (!text.has_exactly(begin, prefix.text)) continue;
      if (prefix.candidate == 0 && is_alnum(text.before(begin))) continue;
      const size_t start = begin + prefix.text.size();
      size_t end = behind_token(text, start);
      const std::string_view value = text.from(start).substr(0, end - start);
      if (value.size() < prefix.least || !is_token(value)) continue;
      // s3fs: ID:SECRET
      if (text[end] == ':' && prefix.text.front() == 'A') {
        const size_t secret = text.skip_while(end + 1, is_base64);
        if (secret - end > 30) end = secret;
      }
      const bool is_cut = end == text.size() && end - text.at() >= context_ahead;
      if (!is_cut) return bytes_from(start, end);
      return Secret{start, Masking::until(Masking::at_web_token)};
    }
  }
  return std::nullopt;
}

// "Bearer" and "Basic" in prose are followed by a word; in a header, by a token.
std::optional<Secret> scheme_token(const WindowReader& text) {
  constexpr size_t least = 16;
  constexpr size_t least_basic = 6;
  const bool is_basic = text.has(text.at(), "asic") && text.has_before(text.at(), "b");
  const bool is_bearer = text.has(text.at(), "arer") && text.has_before(text.at(), "be");
  if (!is_basic && !is_bearer) return std::nullopt;
  const size_t name_end = text.at() + 4;
  const size_t start = text.skip(name_end, blank_bytes);
  const size_t end = text.skip_while(start, [](char c) { return !ends(c, Masking::at_other); });
  if (start == name_end) return std::nullopt;
  const std::string_view value = text.from(start).substr(0, end - start);
  if (is_basic) {
    const auto plain = base64_decoded(value);
    if (value.size() < least_basic || !plain || !is_printable_with_colon(*plain))
      return std::nullopt;
  } else if (value.size() < least || std::none_of(value.begin(), value.end(), is_digit)) {
    return std::nullopt;
  }
  return Secret{start, Masking::until(Masking::at_other)};
}

std::optional<Secret> web_token(const WindowReader& text) {
  constexpr size_t least_head = 10;
  constexpr size_t least_body = 4;
  constexpr size_t surely = 512;  // so long a run of base64url that begins as JSON does
  const size_t start = text.at();
  if (!text.has_exactly(start, "eyJ") || is_name_char(text.before(start))) return std::nullopt;
  const size_t dot = text.skip_while(start, is_name_char);
  const Secret secret{start, Masking::until(Masking::at_web_token)};
  if (dot - start >= surely) return secret;
  if (text[dot] != '.' || dot - start < least_head) return std::nullopt;
  const size_t end = text.skip_while(dot + 1, is_name_char);
  if (end - dot <= least_body) return std::nullopt;
  return secret;
}

// user:password@ behind "://". A user alone is none, unless it is as long as a token.
std::optional<Secret> user_information(const WindowReader& text) {
  constexpr size_t least_token = 20;
  const size_t start = text.at() + 3;
  size_t end = start, sign = start, colon = 0;
  for (; end < text.size() && !ends(text[end], Masking::at_authority); ++end) {
    if (text[end] == ':' && colon == 0) colon = end;
    if (text[end] == '@') sign = end;
  }
  if (colon == 0) colon = end;
  const bool is_cut = end == text.size() && end - text.at() >= context_ahead;
  if (is_cut) {
    if (colon == end || is_digit(text[colon + 1])) return std::nullopt;
    return Secret{start, Masking::until(Masking::at_sign)};
  }
  if (sign > start) {
    if (colon >= sign && sign - start < least_token) return std::nullopt;
    return bytes_from(start, sign);
  }
  // A password may hold / ? or #, which it should not; a port may not hold letters.
  const bool is_port = text.skip_while(colon + 1, is_digit) >= end;
  if (colon == end || is_port || text[start] == '[' || !is_one_of(text[end], "/?#"))
    return std::nullopt;
  end = text.skip_while(end, [](char c) { return c != '@' && !ends(c, Masking::at_sign); });
  if (text[end] != '@') return std::nullopt;
  return bytes_from(start, end);
}

std::optional<Secret> data_source(const WindowReader& text) {
  const size_t at = text.at();
  if (!text.has_exactly(at, "@tcp(") && !text.has_exactly(at, "@unix(")) return std::nullopt;
  size_t start = at;
  const size_t first = at - std::min(at, reach_back);
  while (start > first && !ends(text[start - 1], Masking::at_blank) && text[start - 1] != ':')
    --start;
  if (start == first || text[start - 1] != ':') return std::nullopt;
  return bytes_from(start, at);
}

// An account key of Azure: 64 bytes, alone. Digests of the same length say so before.
std::optional<Secret> azure_key(const WindowReader& text) {
  constexpr size_t length = 86;
  const size_t end = text.at() + 2;
  size_t start = end;
  while (start > 0 && end - start <= length && is_base64(text[start - 1]) && text[start - 1] != '=')
    --start;
  if (end - start != length || is_one_of(text.before(start), "-_") || is_base64(text[end + 2]))
    return std::nullopt;
  if (text.has_exactly(start, "AAAA")) return std::nullopt;  // a public key of SSH
  return bytes_from(start, end + 2);
}

std::optional<Secret> entra_secret(const WindowReader& text) {
  constexpr size_t least = 31;
  const size_t start = text.at() - std::min<size_t>(text.at(), 3);
  const auto is_part = [](char c) { return is_base64url(c) || c == '~'; };
  const size_t end = text.skip_while(text.at() + 3, is_part);
  for (size_t i = start; i < text.at(); ++i)
    if (!is_part(text[i])) return std::nullopt;
  if (end - text.at() < least + 3) return std::nullopt;
  return bytes_from(start, end);
}

std::optional<Secret> webhook(const WindowReader& text) {
  struct Address {
    std::string_view before, after;
  };
  constexpr auto addresses = std::to_array<Address>({{"", "hooks.slack.com/services/"},
                                                     {"", "hooks.slack.com/workflows/"},
                                                     {"", "hooks.slack.com/triggers/"},
                                                     {"web", "hook.office.com/webhookb2/"},
                                                     {"discord.com/api/web", "hooks/"}});
  for (const auto& address : addresses) {
    if (!text.has(text.at(), address.after) || !text.has_before(text.at(), address.before))
      continue;
    const size_t start = text.at() + address.after.size();
    if (ends(text[start], Masking::at_list) || text.has_exactly(start, "[redacted]"))
      return std::nullopt;
    return Secret{start, Masking::until(Masking::at_list)};
  }
  return std::nullopt;
}

// (0x...) of at least 128 bits, as klist -K prints them; a pointer has 64.
std::optional<Secret> kerberos_key(const WindowReader& text) {
  constexpr size_t least = 32;
  const size_t start = text.at() + 3;
  const size_t end = text.skip_while(start, is_hex_digit);
  if (end - start < least || text[end] != ')') return std::nullopt;
  return bytes_from(start, end);
}

std::optional<Secret> hash(const WindowReader& text) {
  constexpr size_t least = 20;
  const size_t at = text.at();
  const auto is_part = [](char c) { return is_base64(c) || is_one_of(c, "$.,-_"); };
  if (text[at] == '{') {
    const size_t close = text.skip_while(at + 1, [](char c) { return is_alnum(c) || c == '-'; });
    const size_t end = text.skip_while(close + 1, is_part);
    if (text[close] != '}' || end - close <= least) return std::nullopt;
    return bytes_from(at, end);
  }
  if (text[at] == 'b') {
    if (!text.has_before(at, "p") || !text.has(at, "bkdf2")) return std::nullopt;
    const size_t start = at - 1;
    const size_t end = text.skip_while(start, is_part);
    if (end - start < 3 * least) return std::nullopt;
    return bytes_from(start, end);
  }
  const size_t id = text.skip_while(at + 1, [](char c) { return is_alnum(c) || c == '-'; });
  const size_t end = text.skip_while(id, is_part);
  if (text[id] != '$' || end - id < least) return std::nullopt;
  return bytes_from(at, end);
}

}  // namespace jetpack::support
