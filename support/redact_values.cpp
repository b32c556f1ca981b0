// What stands in the place of a secret's value: what separates it from the name, how it is quoted,
// and whether it is a secret at all.
#include "support/redact_values.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace jetpack::support {

namespace {

using Words = std::span<const std::string_view>;

constexpr auto escaped_quotes = std::to_array<std::string_view>(
    {"'\\''", "'\"'\"'", "%2522", "%22", "%27", "&quot;", "&#34;", "&#39;", "&apos;", "&amp;quot;",
     "\\u0022", "\\x22", "\\\\u0022"});

constexpr auto escaped_marks = std::to_array<std::string_view>(
    {"%3d", "%3a", "%253d", "%253a", "%25253d", "\\u003d", "\\u003a", "&gt;", "&amp;gt;"});

constexpr auto none_words = std::to_array<std::string_view>(
    {"true", "false", "null", "none", "nil", "undefined", "yes", "no", "[redacted]", "str",
     "string", "bytes", "enabled", "disabled", "required", "optional", "unset", "nullptr",
     "never"});

// What programs take a secret from.
constexpr auto value_sources = std::to_array<std::string_view>(
    {"var.", "local.", "data.",    "module.", "self.",   "args.",     "opts.",       "options.",
     "os.",  "env.",   "secrets.", "vars.",   "config.", "settings.", "process.env", "request.",
     "cfg.", "env:",   "file:",    "fd:",     "http://", "https://"});

// What a sentence goes on with: "password: must be changed".
constexpr auto sentence_words = std::to_array<std::string_view>(
    {"a",          "access",   "all",      "an",     "and",  "are",     "as",       "at",
     "by",         "can",      "cannot",   "could",  "does", "empty",   "expected", "expires",
     "failed",     "failure",  "for",      "from",   "has",  "if",      "in",       "incorrect",
     "invalid",    "is",       "it",       "login",  "may",  "minimum", "missing",  "must",
     "no",         "not",      "of",       "ok",     "on",   "only",    "or",       "permission",
     "please",     "rejected", "required", "should", "the",  "this",    "to",       "too",
     "unexpected", "unknown",  "user",     "using",  "was",  "will",    "with",     "wrong",
     "you",        "your"});

// What may be all that it says.
constexpr auto state_words = std::to_array<std::string_view>(
    {"accepted",  "changed",  "created", "done",    "empty",   "expired", "failed",
     "incorrect", "invalid",  "loaded",  "missing", "never",   "ok",      "rejected",
     "removed",   "required", "rotated", "unknown", "updated", "valid",   "wrong"});

// Where /etc/nsswitch.conf has passwd from.
constexpr auto passwd_databases = std::to_array<std::string_view>(
    {"files", "compat", "systemd", "sss", "ldap", "nis", "db", "winbind", "altfiles", "hesiod"});

bool is_word_end(char c) { return ends(c, Masking::at_list) || is_one_of(c, ".:]"); }

bool has_word(const WindowReader& text, size_t at, Words all) {
  return std::any_of(all.begin(), all.end(), [&](std::string_view word) {
    return text.has(at, word) && is_word_end(text[at + word.size()]);
  });
}

// ****, xxxx, ..., <not set>, (none), {{ name }}, ${NAME}, $(command), $NAME, %s
bool is_filler(const WindowReader& text, size_t at, Masking::End end) {
  const char first = text[at];
  const size_t same = text.skip_while(at, [&](char c) { return c == first; });
  if (is_one_of(first, "*xX.-") && same - at >= 3 && is_word_end(text[same])) return true;
  const auto closes = [&](char close) {
    const size_t line = text.line_end(at);
    const size_t found = text.from(at).find(close);
    return found != std::string_view::npos && at + found < line;
  };
  if (is_one_of(first, "|>") && text.skip(at + 1, "+-123456789 ") == text.line_end(at)) return true;
  if (first == '<') return text[at + 1] != '!' && closes('>');
  if (first == '(') return closes(')') && (text[at + 1] == '(' || is_lower(text[at + 1]));
  if (first == '`' || text.has_exactly(at, "{{") || text.has_exactly(at, "%(")) return true;
  if (first == '$' && is_one_of(text[at + 1], "{(")) return true;
  if (first == '$') {
    const auto all = [&](auto holds) {
      const size_t stop =
          text.skip_while(at + 1, [&](char c) { return holds(c) || c == '_' || is_digit(c); });
      return stop > at + 1 && !is_digit(text[at + 1]) && is_word_end(text[stop]);
    };
    return all(is_upper) || all(is_lower);
  }
  const bool opens = is_one_of(first, "{[(");
  return opens && (ends(text[at + 1], Masking::at_blank) || is_one_of(text[at + 1], "{}[]") ||
                   ends(text[at + 1], end));
}

// get_token(session), os.environ["X"]
bool is_expression(const WindowReader& text, size_t at) {
  const size_t stop =
      text.skip_while(at, [](char c) { return is_alnum(c) || c == '_' || c == '.'; });
  if (stop == at || !is_one_of(text[stop], "([")) return false;
  return text.skip_while(at, [](char c) { return is_lower(c) || c == '_' || c == '.'; }) == stop;
}

std::optional<Separator> mark_at(const WindowReader& text, size_t at) {
  const size_t mark = text.skip(at, blank_bytes);
  for (const auto escaped : escaped_marks)
    if (text.has(mark, escaped))
      return Separator{mark + escaped.size(), escaped.front() == '%', false, false, false};
  size_t end = mark;
  const bool is_colon = text[mark] == ':';
  const bool is_expansion = is_colon && is_one_of(text[mark + 1], "?+");  // ${NAME:?missing}
  if (is_expansion) return std::nullopt;
  if (text.has_exactly(mark, "=>") || text.has_exactly(mark, ":=") ||
      (text.has_exactly(mark, "::") && is_one_of(text[mark + 2], blank_bytes))) {
    end += 2;
  } else if (is_one_of(text[mark], "=:") && text[mark + 1] != '=') {
    end += 1;
  } else {
    return std::nullopt;
  }
  const size_t value = text.skip(end, blank_bytes);
  return Separator{value, false, false, is_colon && value > end};
}

// <name>db.password</name><value>...</value>, <add key="password" value="..."/>,
// - name: PASSWORD
//   value: ...
std::optional<Separator> value_member(const WindowReader& text, const Name& name, size_t at) {
  if (text.has_exactly(name.end, "</")) {
    const size_t next =
        text.skip(text.skip_while(at, [](char c) { return c != '>'; }) + 1, " \t\r\n", 64);
    for (const std::string_view tag : {"<value>", "<string>"})
      if (text.has(next, tag)) return Separator{next + tag.size(), false, false, false, true};
    return std::nullopt;
  }
  const size_t member = behind_quote(text, text.skip(at, " \t\r\n,", 64));
  if (member == at || !text.has(member, "value")) return std::nullopt;
  return mark_at(text, behind_quote(text, member + 5));
}

// <password type="...">
std::optional<Separator> tag_at(const WindowReader& text, const Name& name) {
  if (!is_one_of(text.before(name.word), "<:")) return std::nullopt;
  if (text[name.end] == '>') return Separator{name.end + 1, false, false, false, true};
  if (text[name.end] != ' ') return std::nullopt;
  const size_t end =
      text.skip_while(name.end, [](char c) { return c != '>' && c != '<' && c != '\n'; });
  const bool is_open = text[end] == '>' && text[end - 1] != '/' && text[end - 1] != '?';
  return is_open ? std::optional(Separator{end + 1, false, false, false, true}) : std::nullopt;
}

bool is_netrc(const WindowReader& text, const Name& name) {
  if (name.kind != NameKind::password) return false;
  const std::string_view all = text.from(0).substr(0, name.word);
  const size_t line = all.rfind('\n') + 1;
  const size_t before = line < 2 ? 0 : all.rfind('\n', line - 2) + 1;
  const std::string_view near = all.substr(before);
  return near.find("login ") != std::string_view::npos ||
         near.find("machine ") != std::string_view::npos;
}

bool is_at_line_start(const WindowReader& text, size_t word) {
  std::string_view line = text.line_before(word);
  if (!text.sees_line_start(word)) return false;
  line.remove_prefix(std::min(line.find_first_not_of(" \t#;"), line.size()));
  return line.empty();
}

// "bindpw VALUE": a whole line. Of a single word as "password", a sentence may begin.
bool is_setting(const WindowReader& text, const Name& name, size_t value) {
  const size_t end = text.line_end(value);
  const size_t stop = text.skip_while(value, [](char c) { return !is_one_of(c, " \t\r\n;"); });
  if (!is_at_line_start(text, name.word) || text.skip(stop, " \t;") < end) return false;
  if (name.kind == NameKind::header || name.kind == NameKind::signature) return false;
  const std::string_view whole = text.from(name.word).substr(0, name.end - name.word);
  const bool is_sure = name.kind == NameKind::password &&
                       (whole.size() > name.end - name.start || whole == "requirepass");
  return is_sure || whole == "masterauth" ||
         is_random(text.from(value).substr(0, stop - value), 16);
}

// "password 'VALUE'", "token VALUE": in a sentence it must look like one.
bool is_told(const WindowReader& text, const Name& name, size_t value) {
  constexpr size_t least_quoted = 16, least_bare = 24, least_last = 6;
  if (name.kind == NameKind::weak || name.kind == NameKind::header) return false;
  const size_t start = behind_quote(text, value);
  const size_t end = text.skip_while(start, [](char c) { return !ends(c, Masking::at_field); });
  const std::string_view word = text.from(start).substr(0, end - start);
  if (name.kind != NameKind::password)
    return is_random(word, start > value ? least_quoted : least_bare);
  if (start > value) return true;
  const bool is_last = end == text.line_end(start) && text.has_exactly(name.start, "pass");
  const bool has_digit = std::any_of(word.begin(), word.end(), is_digit);
  const bool is_number = std::all_of(word.begin(), word.end(), is_digit);
  return is_last && has_digit && !is_number && word.size() >= least_last;
}

// The forms that have no = or : between name and value.
std::optional<Separator> other_separator(const WindowReader& text, const Name& name, size_t at) {
  if (const auto tag = tag_at(text, name)) return tag;
  if (const auto member = value_member(text, name, at)) return member;
  const bool was_quoted = at != name.end;
  const bool is_named_element =
      was_quoted && text[at] == '>' && text.line_before(name.word).ends_with("name=\"");
  if (is_named_element) return Separator{at + 1, false, false, false, true};
  const size_t value = text.skip(at, std::string_view(" \t,\0", 4));
  const bool is_option = text[name.word] == '-' && value > at && !is_one_of(text[value], "-<>|;&");
  if (is_option) return Separator{value, false, true};
  const std::string_view line = text.line_before(name.word);
  if (was_quoted)
    return line.ends_with("define('") || line.ends_with("define(\"")
               ? std::optional(Separator{value})
               : std::nullopt;
  if (value == at || text[at] == ',') return std::nullopt;
  constexpr std::string_view plain = "--plaintext ";  // of kickstart's rootpw
  if (text.has_exactly(value, plain)) return Separator{value + plain.size()};
  if (line.ends_with(" set ")) return Separator{value, false, true};
  if (is_netrc(text, name) || is_setting(text, name, value)) return Separator{value, false, true};
  if (is_told(text, name, value)) return Separator{value, false, true};
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

}  // namespace

std::string_view escaped_quote(const WindowReader& text, size_t at) {
  for (const auto quote : escaped_quotes)
    if (text.has(at, quote)) return quote;
  return {};
}

size_t behind_quote(const WindowReader& text, size_t at) {
  if (const auto quote = escaped_quote(text, at); !quote.empty()) return at + quote.size();
  const size_t quote = text.skip(at, "\\", deepest_quote);
  return is_quote(text[quote]) ? quote + 1 : at;
}

std::optional<Separator> separator_at(const WindowReader& text, const Name& name) {
  size_t end = behind_quote(text, name.end);
  if (end != name.end && text[end] == ']') ++end;  // os.environ["PASSWORD"] =
  auto separator = mark_at(text, end);
  if (!separator) separator = other_separator(text, name, end);
  if (separator) separator->end = behind_value_member(text, separator->end);
  return separator;
}

bool is_placeholder(const WindowReader& text, size_t at, Masking::End end) {
  if (has_word(text, at, none_words)) return true;
  if (is_filler(text, at, end) || is_expression(text, at)) return true;
  return std::any_of(value_sources.begin(), value_sources.end(),
                     [&](std::string_view source) { return text.has_exactly(at, source); });
}

bool is_prose(const WindowReader& text, const Name& name, size_t at) {
  const size_t word = text.skip_while(at, is_alnum);
  const bool goes_on = text[word] == ' ' && text[word + 1] > ' ';
  if (goes_on && has_word(text, at, sentence_words)) return true;
  if (has_word(text, at, state_words)) return true;
  if (text.has(name.start, "passwd") && has_word(text, at, passwd_databases)) return true;
  if (is_one_of(text[at], "}]")) return true;
  const size_t digits = text.skip_while(at, [](char c) { return is_digit(c) || c == '.'; });
  const size_t next = text.skip(digits, " ");
  if (digits > at && next > digits && is_alnum(text[next]) && !is_at_line_start(text, name.word))
    return true;
  // PASS: test_1
  return is_upper(text[name.start + 1]) && name.end - name.word == 4;
}

bool is_path(const WindowReader& text, size_t at) {
  if (is_one_of(text[at], "~.") && text[at + 1] == '/') return true;
  if (text[at] == '.' && text[at + 1] == '.') return true;
  if (text[at] != '/') return false;
  const size_t end = text.skip_while(at + 1, [](char c) { return is_lower(c) || is_digit(c); });
  return end > at + 1 && (text[end] == '/' || ends(text[end], Masking::at_list));
}

bool is_random(std::string_view value, size_t least) {
  if (value.size() < least) return false;
  size_t digits = 0, uppers = 0, lowers = 0;
  for (const char c : value) {
    if (is_digit(c))
      ++digits;
    else if (is_upper(c))
      ++uppers;
    else if (is_lower(c))
      ++lowers;
    else if (!is_one_of(c, "+/="))
      return false;
  }
  if (digits > 0) return uppers + lowers > 0;
  const bool is_capitalized = uppers == 1 && is_upper(value.front());
  return least < 16 && uppers > 0 && lowers > 0 && !is_capitalized;
}

}  // namespace jetpack::support
