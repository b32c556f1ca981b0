// The names of secrets, by their last word.
#include "support/redact_names.hpp"

#include <algorithm>
#include <array>

namespace jetpack::support {

namespace {

struct Word {
  std::string_view text;
  int candidate;  // where in it the candidate is
  NameKind kind;
};

// Longer words before those that they begin with.
constexpr auto last_words = std::to_array<Word>({
    {"password", 1, NameKind::password},
    {"passphrase", 1, NameKind::password},
    {"passcode", 1, NameKind::password},
    {"passwd", 1, NameKind::password},
    {"pass", 1, NameKind::password},
    {"pwd", 0, NameKind::password},
    {"pw", -1, NameKind::password},
    {"psk", 0, NameKind::password},
    {"secret", 2, NameKind::secret},
    {"credential", 0, NameKind::weak},
    {"token", 1, NameKind::secret},
    {"cookie", 1, NameKind::header},
    {"sharedaccesssignature", 14, NameKind::secret},
    {"signature", 2, NameKind::signature},
    {"sig", 0, NameKind::signature},
    {"code", -1, NameKind::signature},
    {"authtok", 3, NameKind::password},
    {"authorization", 5, NameKind::header},
    {"auth", 1, NameKind::weak},
    {"key", 0, NameKind::weak},
});

// Words that stand before "key" in the name of a secret.
constexpr auto key_words = std::to_array<std::string_view>(
    {"account",         "access",     "api",     "secret", "private", "subscription",
     "signing",         "encryption", "storage", "master", "shared",  "primary",
     "secondary",       "preshared",  "eauth",   "auth",   "munge",   "client",
     "instrumentation", "activation", "hmac",    "license"});

// Words that hold the last word of a secret's name and are another.
constexpr auto other_words =
    std::to_array<std::string_view>({"compass", "bypass", "nopass", "nopassword", "nopasswd",
                                     "surpass", "trespass", "overpass", "underpass", "cwd"});

// What may follow the last word.
constexpr auto name_suffixes = std::to_array<std::string_view>(
    {"_data", "-data", "_value", "_hash", "hash", "_base", "_base64", "value", "_string", "string",
     "_b64", "_plain", "text"});

bool is_part_of_other(const WindowReader& text, size_t end) {
  return std::any_of(other_words.begin(), other_words.end(), [&](std::string_view word) {
    return text.has_before(end, word) && !is_alnum(text.before(end - word.size()));
  });
}

size_t behind_suffix(const WindowReader& text, size_t at) {
  for (const auto suffix : name_suffixes)
    if (text.has(at, suffix) && !is_name_char(text[at + suffix.size()])) return at + suffix.size();
  return at;
}

// "sig" is a signature in a URL; elsewhere it is a signal, or a part of a word.
bool is_signature(const WindowReader& text, size_t start) {
  const bool in_url = is_one_of(text.before(start), "?&;") || text.has_before(start, "\\u0026") ||
                      text.has_before(start, "%26") || text.has_before(start, "%3f");
  return in_url || !is_name_char(text.before(start));
}

// A short word must not be the end of another: "spawn", "opw", "desktop key".
bool starts_word(const WindowReader& text, const Word& word, size_t start) {
  const char before = text.before(start);
  if (!is_alnum(before)) return true;
  if (text.has_before(start, "master")) return true;
  if (word.text == "psk" || word.text == "auth") return is_upper(text[start]) != is_upper(before);
  return true;
}

std::optional<Name> key_name(const WindowReader& text, Name name) {
  const size_t word_end =
      name.start - static_cast<size_t>(is_one_of(text.before(name.start), "_-. "));
  for (const auto word : key_words) {
    if (!text.has_before(word_end, word)) continue;
    const bool is_spaced = text.before(name.start) == ' ';
    // "primary key" is a word of databases: only Azure's own form of the name counts.
    const bool is_database = word == "primary" || word == "secondary";
    if ((is_database && word_end != name.start) || (is_spaced && word != "shared")) continue;
    name.start = word_end - word.size();
    name.kind = NameKind::key;
    return name;
  }
  if (text.has_before(word_end, "public") || text.has_before(word_end, "pub")) return std::nullopt;
  return name;
}

}  // namespace

std::optional<Name> name_at(const WindowReader& text) {
  for (const auto& word : last_words) {
    const size_t start =
        text.at() - static_cast<size_t>(word.candidate);  // may wrap: has() is false
    if (!text.has(start, word.text)) continue;
    Name name{start, start + word.text.size(), word.kind};
    if (is_part_of_other(text, name.end) || !starts_word(text, word, start)) return std::nullopt;
    if (word.text == "sig" && !is_signature(text, start)) return std::nullopt;
    if (lower(text[name.end]) == 's') {
      name.is_plural = true;
      ++name.end;
    }
    const size_t digits = text.skip_while(name.end, is_digit);
    if (digits - name.end > 2) return std::nullopt;
    name.end = behind_suffix(text, digits);
    if (is_name_char(text[name.end])) return std::nullopt;
    name.may_be_path = word.text == "pwd" || word.text == "key";
    if (word.text == "key") {
      const auto key = key_name(text, name);
      if (!key) return std::nullopt;
      name = *key;
    }
    name.word = name.start;
    while (name.word > 0 && (is_name_char(text[name.word - 1]) || text[name.word - 1] == '.'))
      --name.word;
    return name;
  }
  return std::nullopt;
}

}  // namespace jetpack::support
