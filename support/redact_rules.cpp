// What a secret looks like: decided from a bounded piece of text.
#include "support/redact_rules.hpp"

#include <algorithm>
#include <array>

#include "support/redact_text.hpp"

namespace jetpack::support {

namespace {

enum class NameKind : uint8_t {
  plain,
  password,   // as plain, and netrc
  path,       // not when the value is a path: PWD, private_key
  header,     // the value is all that follows on the line
  signature,  // the value has the letters of a URL
  key,        // not when the value is short: <a accesskey="n">
};

struct Name {
  size_t start;
  size_t end;
  NameKind kind = NameKind::plain;
};

// Words that stand before "key" in the name of a secret.
constexpr std::string_view key_words[] = {
    "account",    "access",  "api",    "secret", "private", "subscription", "signing",
    "encryption", "storage", "master", "shared", "primary", "secondary"};

std::optional<Name> key_name(const WindowReader& text) {
  const size_t key = text.at();
  const size_t word_end = key - static_cast<size_t>(key > 0 && is_one_of(text[key - 1], "_-."));
  for (const auto word : key_words) {
    if (!text.has_before(word_end, word)) continue;
    // "primary key" is a word of databases: only Azure's own form of the name counts.
    const bool is_database = word == "primary" || word == "secondary";
    if (is_database && word_end != key) continue;
    const bool may_be_path = word == "private" || word == "signing" || word == "encryption";
    return Name{word_end - word.size(), key + 3, may_be_path ? NameKind::path : NameKind::key};
  }
  return std::nullopt;
}

bool ends_word(std::string_view line, std::string_view word) {
  return line.find(word) != std::string_view::npos;
}

// "sig" is a signature in a URL; elsewhere it is a signal, or a part of a word.
std::optional<Name> signature_name(const WindowReader& text) {
  const size_t start = text.at();
  const bool in_url = is_one_of(text.before(start), "?&;") || text.has_before(start, "\\u0026") ||
                      text.has_before(start, "%26") || text.has_before(start, "%3f");
  if (!in_url && is_name_char(text.before(start))) return std::nullopt;
  const Name name{start, start + 3, NameKind::signature};
  return name;
}

// The name of a secret that the candidate is part of.
std::optional<Name> name_at(const WindowReader& text) {
  const size_t at = text.at();
  switch (lower(text[at])) {
    case 's':
      if (text.has(at, "ssword") && text.has_before(at, "pa"))
        return Name{at - 2, at + 6, NameKind::password};
      if (text.has(at, "sswd") && text.has_before(at, "pa"))
        return Name{at - 2, at + 4, NameKind::password};
      if (text.has(at, "sphrase") && text.has_before(at, "pas")) return Name{at - 3, at + 7};
      if (text.has(at, "sssignature") && text.has_before(at, "sharedacce"))
        return Name{at - 10, at + 11};
      if (text.has(at, "sig")) return signature_name(text);
      return std::nullopt;
    case '_':
    case '-':
    case '"':
    case '\'':
      if (text.has(at + 1, "pass")) return Name{at + 1, at + 5};
      return std::nullopt;
    case 'c':
      if (text.has(at, "cret") && text.has_before(at, "se")) return Name{at - 2, at + 4};
      return std::nullopt;
    case 'o':
      if (text.has(at, "oken") && text.has_before(at, "t")) return Name{at - 1, at + 4};
      if (text.has(at, "okie") && text.has_before(at, "co") && text[at + 4] == ':')
        return Name{at - 2, at + 4, NameKind::header};
      return std::nullopt;
    case 'k':
      return text.has(at, "key") ? key_name(text) : std::nullopt;
    case 'u':
      if (text.has(at, "uth") && text.has_before(at, "a") && at >= 2 && is_quote(text[at - 2]))
        return Name{at - 1, at + 3};
      return std::nullopt;
    case 'r':
      if (text.has(at, "rization") && text.has_before(at, "autho"))
        return Name{at - 5, at + 8, NameKind::header};
      return std::nullopt;
    case 'p':
      if (text.has(at, "pwd")) return Name{at, at + 3, NameKind::path};
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

// What stands between a name and its value.
struct Separator {
  size_t end;               // where the value may begin
  bool is_encoded = false;  // in a percent-encoded URL
  bool is_blank = false;    // --password VALUE
};

size_t behind_quote(const WindowReader& text, size_t at) {
  const size_t quote = text.skip(at, "\\", deepest_quote);
  return is_quote(text[quote]) ? quote + 1 : at;
}

std::optional<Separator> mark_at(const WindowReader& text, size_t at) {
  const size_t mark = text.skip(at, blank_bytes);
  for (const std::string_view encoded : {"%3d", "%3a"})
    if (text.has(mark, encoded)) return Separator{mark + encoded.size(), true};
  for (const std::string_view escaped : {"\\u003d", "\\u003a"})
    if (text.has(mark, escaped)) return Separator{mark + escaped.size()};
  size_t end = mark;
  if (text.has_exactly(mark, "=>") || text.has_exactly(mark, ":=")) {
    end += 2;
  } else if (is_one_of(text[mark], "=:") && text[mark + 1] != '=') {
    end += 1;
  } else {
    return std::nullopt;
  }
  return Separator{text.skip(end, blank_bytes)};
}

// The forms that have no = or : between name and value.
std::optional<Separator> other_separator(const WindowReader& text, const Name& name, size_t word,
                                         size_t at) {
  const bool was_quoted = at != name.end && is_quote(text[at - 1]);
  if (text[name.end] == '>' && is_one_of(text.before(word), "<:")) return Separator{name.end + 1};
  if (was_quoted) {
    const size_t value = text.skip(at, blank_bytes);
    if (text.has(value, "value=")) return Separator{value + 6};
  }
  const size_t value = text.skip(at, std::string_view(" \t,\0", 4));
  const bool is_option = text[word] == '-' && value > at && text[value] != '-';
  if (is_option) return Separator{value, false, true};
  const std::string_view line = text.line_before(word);
  const bool is_netrc = name.kind == NameKind::password && value > at && text[at] != ',' &&
                        (ends_word(line, "login ") || ends_word(line, "machine "));
  if (is_netrc) return Separator{value, false, true};
  return std::nullopt;
}

// Azure's template parameters: "adminPassword": { "value": "..." }
size_t behind_value_member(const WindowReader& text, size_t at) {
  if (text[at] != '{') return at;
  const size_t name = text.skip(at + 1, " \t\r\n", 64);
  if (!text.has(name, "\"value\"")) return at;
  const auto mark = mark_at(text, name + 7);
  return mark ? mark->end : at;
}

// What stands in a secret's place and is none.
bool is_placeholder(const WindowReader& text, size_t at, Masking::End end) {
  for (const std::string_view word :
       {"true", "false", "null", "none", "nil", "undefined", "yes", "no", "[redacted]"})
    if (text.has(at, word) &&
        ends(text[at + word.size()], end == Masking::at_line ? Masking::at_blank : end))
      return true;
  const bool opens = is_one_of(text[at], "{[(");
  return opens && (ends(text[at + 1], Masking::at_blank) || is_one_of(text[at + 1], "{}[]"));
}

bool is_at_line_start(const WindowReader& text, size_t word) {
  std::string_view line = text.line_before(word);
  if (!text.sees_line_start(word)) return false;
  line.remove_prefix(std::min(line.find_first_not_of(" \t#;"), line.size()));
  return line.empty() || line == "export " || line == "set " || line == "- ";
}

size_t word_start(const WindowReader& text, size_t at) {
  while (at > 0 && (is_name_char(text[at - 1]) || text[at - 1] == '.')) --at;
  return at;
}

Masking::End bare_end(const WindowReader& text, const Name& name, size_t word,
                      const Separator& separator) {
  if (name.kind == NameKind::signature || separator.is_encoded) return Masking::at_other;
  if (!separator.is_blank && is_at_line_start(text, word)) return Masking::at_line;
  if (name.kind == NameKind::header) return Masking::at_quote;
  const char before = text.before(word);
  if (before == ';') return Masking::at_field;
  const bool is_word = text[word] == '-' || ends(before, Masking::at_blank);
  return is_word ? Masking::at_blank : Masking::at_list;
}

std::optional<Secret> quoted_value(const WindowReader& text, const Name& name, size_t at,
                                   size_t quote) {
  const size_t depth = quote - at;
  const size_t start = quote + 1;
  const size_t close = text.skip(start, "\\", depth);
  if (text[close] == text[quote] && close - start == depth) return std::nullopt;
  if (text[start] == '\n' || text[start] == '\r') return std::nullopt;
  if (name.kind == NameKind::path && is_one_of(text[start], "/~.")) return std::nullopt;
  if (text.has_exactly(start, "[redacted]")) return std::nullopt;
  return Secret{start, Masking::quoted(text[quote], depth)};
}

// A signal rather than a signature, a key of a keyboard rather than one of an account.
bool is_too_short(const WindowReader& text, const Name& name, size_t at) {
  constexpr size_t least_signature = 20;
  constexpr size_t least_key = 4;
  const auto length_until = [&](Masking::End end) {
    return text.skip_while(at, [&](char c) { return !ends(c, end); }) - at;
  };
  if (name.kind == NameKind::key) return length_until(Masking::at_blank) < least_key;
  if (name.kind != NameKind::signature || is_one_of(text.before(name.start), "?&;6")) return false;
  return length_until(Masking::at_other) < least_signature;
}

std::optional<Secret> named_secret(const WindowReader& text, const Name& name) {
  size_t end = text.skip_while(name.end, is_digit);
  if (end - name.end > 2 || is_name_char(text[end])) return std::nullopt;
  const size_t word = word_start(text, name.start);
  end = behind_quote(text, end);
  auto separator = mark_at(text, end);
  if (!separator) separator = other_separator(text, name, word, end);
  if (!separator) return std::nullopt;
  const size_t at = behind_value_member(text, separator->end);
  const size_t quote = text.skip(at, "\\", deepest_quote);
  if (is_too_short(text, name, is_quote(text[quote]) ? quote + 1 : at)) return std::nullopt;
  if (is_quote(text[quote])) return quoted_value(text, name, at, quote);
  const Masking::End stop = bare_end(text, name, word, *separator);
  if (at >= text.size() || ends(text[at], stop) || is_placeholder(text, at, stop))
    return std::nullopt;
  if (name.kind == NameKind::path && is_one_of(text[at], "/~.")) return std::nullopt;
  return Secret{at, Masking::until(stop)};
}

// "Bearer" in prose is followed by a word; in a header, by a token.
std::optional<Secret> bearer_token(const WindowReader& text) {
  constexpr size_t least = 16;
  const size_t name_end = text.at() + 4;
  if (!text.has_before(text.at(), "be") || !text.has(text.at(), "arer")) return std::nullopt;
  const size_t start = text.skip(name_end, blank_bytes);
  const size_t end = text.skip_while(start, [](char c) { return !ends(c, Masking::at_other); });
  bool has_digit = false;
  for (size_t i = start; i < end; ++i) has_digit |= is_digit(text[i]);
  if (start == name_end || end - start < least || !has_digit) return std::nullopt;
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
  if (!text.has_exactly(text.at(), "://")) return std::nullopt;
  const size_t start = text.at() + 3;
  size_t end = text.skip_while(start, [](char c) { return !ends(c, Masking::at_authority); });
  size_t colon = start;
  while (colon < end && text[colon] != ':') ++colon;
  const bool is_cut = end == text.size() && end - text.at() >= context_ahead;
  if (is_cut) {
    if (colon == end || is_digit(text[colon + 1])) return std::nullopt;
    return Secret{start, Masking::until(Masking::at_sign)};
  }
  size_t sign = end;
  while (sign > start && text[sign] != '@') --sign;
  if (sign > start && sign < end) {
    if (colon >= sign && sign - start < least_token) return std::nullopt;
    return Secret{start, Masking::bytes(sign - start)};
  }
  // A password may hold / ? or #, which it should not; a port may not hold letters.
  const bool is_port = text.skip_while(colon + 1, is_digit) >= end;
  if (colon == end || is_port || text[start] == '[' || !is_one_of(text[end], "/?#"))
    return std::nullopt;
  end = text.skip_while(end, [](char c) { return c != '@' && !ends(c, Masking::at_sign); });
  if (text[end] != '@') return std::nullopt;
  return Secret{start, Masking::bytes(end - start)};
}

std::optional<Secret> private_key(const WindowReader& text) {
  constexpr std::string_view begin = "-BEGIN ";
  constexpr std::string_view dashes = "-----";
  constexpr size_t longest_label = 64;
  if (!text.has_exactly(text.at(), begin) || !text.has_before(text.at(), "----"))
    return std::nullopt;
  bool is_private = false;
  size_t end = text.at() + begin.size();
  const size_t last = end + longest_label;
  for (; end < last && !text.has_exactly(end, dashes); ++end)
    is_private |= text.has_exactly(end, "PRIVATE KEY");
  if (!is_private || !text.has_exactly(end, dashes)) return std::nullopt;
  end += dashes.size();
  // In a program the mark alone is no key.
  if (!is_alnum(text[end]) && !is_one_of(text[end], "\r\n\\ \t")) return std::nullopt;
  return Secret{end, Masking::private_key()};
}

// sshpass -p PASSWORD
std::optional<Secret> sshpass(const WindowReader& text) {
  if (!text.has(text.at(), "hpass") || !text.has_before(text.at(), "ss")) return std::nullopt;
  const size_t option = text.skip(text.at() + 5, blank_bytes);
  if (option == text.at() + 5 || !text.has_exactly(option, "-p")) return std::nullopt;
  const size_t start = text.skip(option + 2, blank_bytes);
  if (is_quote(text[start])) return Secret{start + 1, Masking::quoted(text[start], 0)};
  if (ends(text[start], Masking::at_blank)) return std::nullopt;
  return Secret{start, Masking::until(Masking::at_blank)};
}

// curl -u USER:PASSWORD
std::optional<Secret> curl_user(const WindowReader& text) {
  if (!text.has(text.at(), " -u ")) return std::nullopt;
  const std::string_view line = text.line_before(text.at());
  if (!ends_word(line, "curl ") && !ends_word(line, "wget ")) return std::nullopt;
  size_t start = text.skip(text.at() + 4, blank_bytes);
  const bool is_quoted = is_quote(text[start]);
  const size_t colon = text.skip_while(start + static_cast<size_t>(is_quoted), [](char c) {
    return c != ':' && !ends(c, Masking::at_blank);
  });
  if (text[colon] != ':' || ends(text[colon + 1], Masking::at_blank)) return std::nullopt;
  if (is_quoted) return Secret{colon + 1, Masking::quoted(text[start], 0)};
  return Secret{colon + 1, Masking::until(Masking::at_blank)};
}

}  // namespace

std::optional<Secret> secret_at(const Window& window) {
  const WindowReader text(window);
  switch (text[text.at()]) {
    case ':':
      return user_information(text);
    case 'e':
      return web_token(text);
    case 'a':
    case 'A':
      return bearer_token(text);
    case 'h':
    case 'H':
      return sshpass(text);
    case ' ':
      return curl_user(text);
    case '-':
      if (text[text.at() + 1] == 'B') return private_key(text);
      break;
    default:
      break;
  }
  const auto name = name_at(text);
  return name ? named_secret(text, *name) : std::nullopt;
}

}  // namespace jetpack::support
