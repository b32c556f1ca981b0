// Secrets that have a name: how their values are masked.
#include <algorithm>

#include "support/redact_detectors.hpp"
#include "support/redact_values.hpp"

namespace jetpack::support {

namespace {

std::string_view word_at(const WindowReader& text, size_t at, Masking::End end) {
  const size_t stop = text.skip_while(at, [&](char c) { return !ends(c, end); });
  return text.from(at).substr(0, stop - at);
}

bool is_alone(const WindowReader& text, const Name& name) {
  return name.word == name.start && !is_quote(text.before(name.word));
}

// "authorization: required"
bool is_plain_word(const WindowReader& text, size_t at) {
  const size_t end = text.skip_while(at, is_lower);
  return end > at && end - at < 12 && (end == text.line_end(at) || is_quote(text[end]));
}

// A signal rather than a signature, a cookie's number, a count of tokens, a key of a keyboard.
bool is_harmless(const WindowReader& text, const Name& name, size_t at, bool is_quoted) {
  constexpr size_t least_signature = 20;
  constexpr size_t least_in_url = 5;
  constexpr size_t least_code = 40;  // a key of Azure Functions
  constexpr size_t least_key = 4;
  constexpr size_t least_number = 6;
  constexpr size_t least_weak = 16;
  const std::string_view value = word_at(text, at, Masking::at_list);
  const bool is_number = !value.empty() && std::all_of(value.begin(), value.end(), is_digit);
  switch (name.kind) {
    case NameKind::password:
      // "pass: 12 fail: 0", "passes=3", "spw: 3"
      return is_number && value.size() < least_number && name.end - name.start <= 5 &&
             !is_quote(text.before(name.word)) &&
             (name.word == name.start || text.has(name.start, "pw"));
    case NameKind::secret:
      return is_number && !is_quoted && value.size() < 12 &&
             (name.is_plural || is_alone(text, name));
    case NameKind::header:
      return is_number || is_plain_word(text, at);
    case NameKind::key:
      return value.size() < least_key || name.is_plural;
    case NameKind::weak: {
      const bool is_auth = text.has(name.start, "auth") && (is_quoted || name.word != name.start);
      return !is_random(value, is_auth ? least_key : least_weak);
    }
    case NameKind::signature:
      break;
  }
  if (text.has(name.start, "code")) return word_at(text, at, Masking::at_other).size() < least_code;
  const bool in_url = is_one_of(text.before(name.start), "?&;6");
  return word_at(text, at, Masking::at_other).size() < (in_url ? least_in_url : least_signature);
}

// NAME=value command --option
bool is_before_command(const WindowReader& text, const Name& name, size_t at) {
  if (text[name.end] != '=' || at != name.end + 1) return false;
  for (size_t i = name.word; i < name.end; ++i)
    if (is_lower(text[i])) return false;
  const std::string_view line = text.from(at).substr(0, text.line_end(at) - at);
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return false;
  const std::string_view rest = line.substr(blank);
  return rest.find(" -") != std::string_view::npos || rest.find(" ./") != std::string_view::npos ||
         rest.find(" /") != std::string_view::npos || rest.find(".py") != std::string_view::npos ||
         rest.find(".rb") != std::string_view::npos || rest.find(".sh") != std::string_view::npos;
}

// Whether another field follows on the line: ,NAME=  ;NAME=  &NAME=
bool has_field_behind(const WindowReader& text, size_t at, char stop) {
  constexpr size_t least_name = 3;
  for (size_t i = at; i < text.line_end(at) && text[i] != stop; ++i) {
    if (!is_one_of(text[i], ",;&")) continue;
    const size_t end = text.skip_while(i + 1, is_name_char);
    if (text[end] == '=' && end - i > least_name && end < text.size()) return true;
  }
  return false;
}

bool starts_line(const WindowReader& text, const Name& name) {
  if (!text.sees_line_start(name.word)) return false;
  std::string_view line = text.line_before(name.word);
  line.remove_prefix(std::min(line.find_first_not_of(" \t#;"), line.size()));
  return line.empty() || line == "export " || line == "set " || line == "- ";
}

Masking::End bare_end(const WindowReader& text, const Name& name, const Separator& separator,
                      size_t at) {
  if (separator.is_tag) return Masking::at_tag;
  if (name.kind == NameKind::signature || separator.is_encoded) return Masking::at_other;
  const char before = text.before(name.word);
  const bool is_bare = text[name.end] == '=' && at == name.end + 1;
  if (before != ';' && is_bare && has_field_behind(text, at, ' ')) return Masking::at_list;
  if (!separator.is_blank && starts_line(text, name) && before != ';')
    return is_before_command(text, name, at) ? Masking::at_blank : Masking::at_line;
  if (name.kind == NameKind::header) return Masking::at_quote;
  if (before == ';') return Masking::at_field;
  const bool is_word = text[name.word] == '-' || ends(before, Masking::at_blank);
  return is_word && !is_quote(before) ? Masking::at_blank : Masking::at_list;
}

// Up to the text that closes it on the same line; else the line.
Secret until_mark(const WindowReader& text, size_t at, std::string_view mark) {
  const std::string_view rest = text.from(at);
  const size_t found = rest.find(mark);
  if (found == std::string_view::npos || found > text.line_end(at) - at)
    return {at, Masking::until(Masking::at_line)};
  return {at, Masking::bytes(found)};
}

std::optional<Secret> quoted_value(const WindowReader& text, const Name& name, size_t at,
                                   size_t quote) {
  const size_t depth = quote - at;
  const size_t start = quote + 1;
  const size_t close = text.skip(start, "\\", depth);
  if (text[close] == text[quote] && close - start == depth) return std::nullopt;
  if (text[start] == '\n' || text[start] == '\r') return std::nullopt;
  if (is_placeholder(text, start, Masking::at_quote)) return std::nullopt;
  if (name.may_be_path && is_path(text, start)) return std::nullopt;
  if (is_harmless(text, name, start, true)) return std::nullopt;
  return Secret{start, Masking::quoted(text[quote], depth)};
}

size_t indent_of(const WindowReader& text, size_t line) {
  return text.skip(line, blank_bytes, 256) - line;
}

// password: |
//   secret
// passwords:
//   - secret
std::optional<Secret> lines_below(const WindowReader& text, const Name& name, size_t at) {
  if (!starts_line(text, name) || !is_one_of(text.before(at), ": ")) return std::nullopt;
  size_t mark = at;
  if (text.has_exactly(mark, "!"))
    mark = text.skip(text.skip_while(mark, [](char c) { return c > ' '; }), blank_bytes);
  const bool is_scalar = is_one_of(text[mark], "|>");
  if (is_scalar) mark = text.skip(mark + 1, "+-123456789");
  mark = text.skip(mark, " \t\r");
  if (text[mark] != '\n' || mark >= text.size()) return std::nullopt;
  const size_t line = text.from(0).substr(0, name.word).rfind('\n') + 1;
  size_t indent = indent_of(text, line);
  if (text.has_exactly(line + indent, "- ")) indent += 1;
  const size_t next = mark + 1;
  size_t start = next + indent_of(text, next);
  const bool is_item = text.has_exactly(start, "- ");
  const size_t depth = start - next;
  if (is_scalar)
    return depth > indent ? std::optional(Secret{start, Masking::indented(indent)}) : std::nullopt;
  const std::string_view first = text.from(start).substr(0, text.line_end(start) - start);
  if (is_item) {
    if (first.find(": ") != std::string_view::npos || depth < indent || first.size() < 4 ||
        !(name.is_plural || name.kind == NameKind::password))
      return std::nullopt;
    return Secret{start, Masking::indented(depth == 0 ? 0 : depth - 1)};
  }
  if (depth <= indent) return std::nullopt;
  // cloud-init's chpasswd, and the dump of a shared key
  if (text.has_before(name.end, "chpasswd") && first.ends_with('|')) {
    const size_t list = text.line_end(start) + 1;
    const size_t inner = indent_of(text, list);
    return inner > depth ? std::optional(Secret{list + inner, Masking::indented(depth)})
                         : std::nullopt;
  }
  const bool is_dump = name.kind == NameKind::key && text.has(name.start, "shared");
  const bool is_map = name.is_plural && name.kind != NameKind::key && !first.ends_with(':') &&
                      first.find(": ") != std::string_view::npos;
  if (!is_dump && !is_map) return std::nullopt;
  return Secret{start, Masking::indented(indent)};
}

// "passwords": ["a", "b"], "secrets": {"db": "a"}: all from the first string on.
std::optional<Secret> bracketed(const WindowReader& text, const Name& name, size_t at) {
  if (text[at] != '[' && !(text[at] == '{' && name.is_plural)) return std::nullopt;
  if (name.kind != NameKind::password && name.kind != NameKind::secret &&
      !(text[at] == '[' && text.has(name.start, "cred")))
    return std::nullopt;
  std::string closers;
  while (at < text.size()) {
    at = text.skip(at, " \t\r\n,", 64);
    if (is_one_of(text[at], "[{")) {
      closers.insert(0, 1, text[at] == '[' ? ']' : '}');
      ++at;
      continue;
    }
    const size_t start = behind_quote(text, at);
    if (start == at) return std::nullopt;
    const size_t end = text.skip_while(start, [&](char c) { return c != text[start - 1]; });
    const std::string_view quote = text.from(at).substr(0, start - at);
    size_t behind = text.skip(end + 1, blank_bytes);
    if (text[behind] == ':') {  // a member's name
      at = text.skip(behind + 1, blank_bytes);
      continue;
    }
    if (end == start || text.has_exactly(start, "[redacted]")) return std::nullopt;
    const size_t depth = closers.size();
    closers.pop_back();
    return Secret{start, Masking::brackets(std::string(quote) + closers, depth)};
  }
  return std::nullopt;
}

// CDATA, 'quotes' in the notation of URLs and XML, and {braces} of connection strings.
std::optional<Secret> marked_value(const WindowReader& text, const Name& name, size_t at) {
  constexpr std::string_view cdata = "<![CDATA[";
  if (text.has_exactly(at, cdata)) return until_mark(text, at + cdata.size(), "]]>");
  if (const auto quote = escaped_quote(text, at); !quote.empty()) {
    const size_t start = at + quote.size();
    if (text.has(start, quote) || is_placeholder(text, start, Masking::at_other))
      return std::nullopt;
    if (is_harmless(text, name, start, true)) return std::nullopt;
    return until_mark(text, start, quote);
  }
  if (text[at] == '{' && text.before(name.word) == ';') return until_mark(text, at + 1, "}");
  return std::nullopt;
}

// b'...', @"..."
size_t behind_string_prefix(const WindowReader& text, size_t at) {
  return is_one_of(text[at], "bBuUrR@") && is_quote(text[at + 1]) ? at + 1 : at;
}

// '--password=a b', 'password=a b': the quote before the name closes the value.
std::optional<Secret> quoted_whole(const WindowReader& text, const Name& name, size_t at) {
  const char quote = text.before(name.word);
  if (!is_quote(quote) || text[at - 1] != '=' || name.kind == NameKind::signature)
    return std::nullopt;
  if (text[name.word] != '-' && has_field_behind(text, at, quote)) return std::nullopt;
  const size_t depth = text.before(name.word - 1) == '\\' ? 1 : 0;
  return Secret{at, Masking::quoted(quote, depth)};
}

}  // namespace

std::optional<Secret> named_secret(const WindowReader& text) {
  const auto name = name_at(text);
  if (!name) return std::nullopt;
  const auto separator = separator_at(text, *name);
  if (!separator) return std::nullopt;
  const size_t at = behind_string_prefix(text, separator->end);
  if (auto lines = lines_below(text, *name, at)) return lines;
  if (at >= text.size()) return std::nullopt;
  if (auto marked = marked_value(text, *name, at)) return marked;
  if (!escaped_quote(text, at).empty()) return std::nullopt;
  const size_t quote = text.skip(at, "\\", deepest_quote);
  if (is_quote(text[quote])) return quoted_value(text, *name, at, quote);
  if (auto list = bracketed(text, *name, at)) return list;
  const Masking::End stop = bare_end(text, *name, *separator, at);
  if (ends(text[at], stop) || is_placeholder(text, at, stop)) return std::nullopt;
  if (is_harmless(text, *name, at, false)) return std::nullopt;
  if (name->kind != NameKind::password ? is_path(text, at)
                                       : name->may_be_path && is_one_of(text[at], "/~."))
    return std::nullopt;
  const bool is_quoted_name = is_quote(text[separator->end - 1]);
  if (separator->is_colon && !is_quoted_name && is_prose(text, *name, at)) return std::nullopt;
  if (text.has_exactly(at, "x:") && is_digit(text[at + 2])) return std::nullopt;  // passwd:x:0:
  // token = token
  const std::string_view whole = text.from(name->word).substr(0, name->end - name->word);
  const std::string_view value = word_at(text, at, Masking::at_list);
  if (value == whole || value == whole.substr(name->start - name->word)) return std::nullopt;
  if (auto quoted = quoted_whole(text, *name, at)) return quoted;
  return Secret{at, Masking::until(stop)};
}

}  // namespace jetpack::support
