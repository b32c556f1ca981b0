// How far a secret reaches: masked to its end, in a stream of any length.
#include <algorithm>

#include "support/redact_rules.hpp"
#include "support/redact_text.hpp"

namespace jetpack::support {

namespace {

// A log may hold the first line of a key and nothing more: so much that is no key is masked.
constexpr size_t most_foreign = 16 << 10;
// What is read as a list or a block of lines, and has no end.
constexpr size_t most_lines = 64 << 10;
// More on a line is no line of a key.
constexpr size_t longest_line = 128;

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

Masking Masking::bytes(size_t count) {
  Masking masking;
  masking.kind_ = Kind::counted;
  masking.count_ = count;
  return masking;
}

Masking Masking::private_key(std::string_view mark) {
  Masking masking;
  masking.kind_ = Kind::key;
  masking.mark_ = mark;
  return masking;
}

Masking Masking::block() {
  Masking masking;
  masking.kind_ = Kind::block;
  return masking;
}

Masking Masking::indented(size_t indent) {
  Masking masking;
  masking.kind_ = Kind::indented;
  masking.depth_ = indent;
  masking.line_has_text_ = true;  // it starts in a line
  return masking;
}

Masking Masking::brackets(std::string closers, size_t depth) {
  Masking masking;
  masking.kind_ = Kind::brackets;
  masking.depth_ = depth;
  masking.quote_ = closers.front() == '\\' ? '\0' : closers.front();
  masking.left_over_ = std::move(closers);
  return masking;
}

void Masking::end(std::string_view left_over) {
  kind_ = Kind::off;
  left_over_ = left_over;
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
    case Kind::block:
      return skip_block(text, at);
    case Kind::indented:
      return skip_indented(text, at);
    case Kind::brackets:
      return skip_brackets(text, at);
    case Kind::counted:
      break;
  }
  const size_t skipped = std::min(count_, text.size() - at);
  count_ -= skipped;
  if (count_ == 0) end({});
  return at + skipped;
}

size_t Masking::skip_bare(std::string_view text, size_t at) {
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if ((ends_of[static_cast<unsigned char>(c)] & ends_) != 0) {
      // The backslash before a quote belongs to the string that it stands in.
      end(backslashes.substr(0, is_quote(c) ? std::min(run_, deepest_quote) : 0));
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
      end({});
      return at;
    }
    if (c == quote_ && (run_ < depth_ || run_ % (2 * depth_ + 2) == depth_)) {
      end(backslashes.substr(0, std::min(run_, depth_)));
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
  const size_t dashes = mark_.find_first_not_of('-');
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == mark_[run_]) {
      if (++run_ == mark_.size()) {
        end(mark_);
        return at + 1;
      }
      continue;
    }
    if (c == '-' && run_ == dashes) continue;
    run_ = c == '-' ? 1 : 0;
    if (is_key_over(c)) {
      end({});
      return at;
    }
  }
  return at;
}

// Of a line that turns out to be another one, what was skipped is left over.
size_t Masking::skip_block(std::string_view text, size_t at) {
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') {
      left_over_ = '\n';
      line_has_text_ = true;  // behind the first line
    } else if (!is_base64(c) && !is_one_of(c, " \t\r")) {
      const std::string line = std::move(left_over_);
      end(line);
      return at;
    } else if (line_has_text_ && left_over_.size() <= longest_line) {
      left_over_ += c;
    }
  }
  return at;
}

size_t Masking::skip_indented(std::string_view text, size_t at) {
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (++count_ > most_lines) {
      end({});
      return at;
    }
    if (c == '\n') {
      left_over_ = '\n';
      line_has_text_ = false;
    } else if (!line_has_text_ && is_one_of(c, blank_bytes)) {
      if (left_over_.size() <= longest_line) left_over_ += c;
    } else if (!line_has_text_ && c != '\r') {
      if (left_over_.size() <= depth_ + 1) {
        const std::string line = std::move(left_over_);
        end(line);
        return at;
      }
      line_has_text_ = true;
    }
  }
  return at;
}

size_t Masking::skip_brackets(std::string_view text, size_t at) {
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const bool is_escaped = run_ % 2 != 0;
    run_ = c == '\\' ? run_ + 1 : 0;
    if (is_quote(c) && !is_escaped && (quote_ == 0 || quote_ == c)) {
      quote_ = quote_ == 0 ? c : '\0';
    } else if (quote_ == 0 && is_one_of(c, "[{")) {
      ++depth_;
    } else if (quote_ == 0 && is_one_of(c, "]}")) {
      --depth_;
    }
    if (depth_ == 0 || ++count_ > most_lines) {
      const std::string closers = std::move(left_over_);
      end(closers);
      return at;
    }
  }
  return at;
}

}  // namespace jetpack::support
