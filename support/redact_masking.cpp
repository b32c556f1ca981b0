// How far a secret reaches: masked to its end, in a stream of any length.
#include <algorithm>

#include "support/redact_rules.hpp"
#include "support/redact_text.hpp"

namespace jetpack::support {

namespace {

constexpr std::string_view key_end = "-----END";
// A log may hold the first line of a key and nothing more: so much that is no key is masked.
constexpr size_t most_foreign = 16 << 10;

}  // namespace

Masking Masking::until(End end) {
  Masking masking;
  masking.kind_ = Kind::bare;
  masking.ends_ = end;
  return masking;
}

Masking Masking::quoted(char quote, size_t depth) {
  Masking masking;
  masking.kind_ = Kind::quoted;
  masking.quote_ = quote;
  masking.depth_ = depth;
  return masking;
}

Masking Masking::private_key() {
  Masking masking;
  masking.kind_ = Kind::key;
  return masking;
}

Masking Masking::bytes(size_t count) {
  Masking masking;
  masking.kind_ = Kind::counted;
  masking.count_ = count;
  return masking;
}

void Masking::end(size_t backslash_count) {
  kind_ = Kind::off;
  left_over_ = backslashes.substr(0, backslash_count);
}

size_t Masking::skip(std::string_view text, size_t at) {
  switch (kind_) {
    case Kind::off:
      return at;
    case Kind::bare:
      return skip_bare(text, at);
    case Kind::quoted:
      return skip_quoted(text, at);
    case Kind::key:
      return skip_key(text, at);
    case Kind::counted:
      break;
  }
  const size_t skipped = std::min(count_, text.size() - at);
  count_ -= skipped;
  if (count_ == 0) end(0);
  return at + skipped;
}

size_t Masking::skip_bare(std::string_view text, size_t at) {
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if ((ends_of[static_cast<unsigned char>(c)] & ends_) != 0) {
      // The backslash before a quote belongs to the string that it stands in.
      end(is_quote(c) ? std::min(run_, deepest_quote) : 0);
      return at;
    }
    run_ = c == '\\' ? run_ + 1 : 0;
  }
  return at;
}

// With no backslash before the opening quote, the closing one has an even number of them; with one
// (a string in a string), 1, 5, 9 ...; each level doubles.
size_t Masking::skip_quoted(std::string_view text, size_t at) {
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n' || c == '\r') {
      end(0);
      return at;
    }
    if (c == quote_ && (run_ < depth_ || run_ % (2 * depth_ + 2) == depth_)) {
      end(std::min(run_, depth_));
      return at;
    }
    run_ = c == '\\' ? run_ + 1 : 0;
  }
  return at;
}

// Whether so much of what followed is no part of a key that the key must have ended.
bool Masking::is_key_over(char c) {
  if (c == '\n') {
    line_is_foreign_ = line_has_text_ = false;
    return false;
  }
  const bool is_blank = is_one_of(c, " \t\r");
  if (is_blank ? line_has_text_ && c != '\r' : !is_alnum(c) && !is_one_of(c, "+/=\\\"',"))
    line_is_foreign_ = true;
  line_has_text_ |= !is_blank;
  return line_is_foreign_ && ++count_ > most_foreign;
}

size_t Masking::skip_key(std::string_view text, size_t at) {
  constexpr size_t dashes = 5;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == key_end[run_]) {
      if (++run_ == key_end.size()) {
        kind_ = Kind::off;
        left_over_ = key_end;
        return at + 1;
      }
      continue;
    }
    if (c == '-' && run_ == dashes) continue;
    run_ = c == '-' ? 1 : 0;
    if (is_key_over(c)) {
      end(0);
      return at;
    }
  }
  return at;
}

}  // namespace jetpack::support
