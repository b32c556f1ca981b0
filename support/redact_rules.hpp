// What a secret looks like: decided from a bounded piece of text, then masked to its end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack::support {

// How much of the text around a candidate rules may look at. Bounded, so that a stream need not be
// held, and exact, so that the answer does not depend on how it was split.
constexpr size_t context_behind = 512;
constexpr size_t context_ahead = 1024;
// How far before its candidate a secret may start.
constexpr size_t reach_back = 128;

// The text around the candidate at `at`; shorter than the context only where the stream ends. A
// stream starts with a line end of our own.
struct Window {
  std::string_view text;
  size_t at;
};

// How far a secret reaches; it may be longer than any window.
class Masking {
 public:
  // What ends a secret that is not quoted; each is a bit of a table of bytes.
  enum End : uint16_t {
    at_line = 1,         // key = value files
    at_quote = 2,        // a header in a command line: quotes and line ends
    at_blank = 4,        // a word: at_quote and blanks
    at_field = 8,        // a connection string: at_blank and ;
    at_list = 16,        // at_field and & , < > ) } |
    at_other = 32,       // all but letters, digits and % + / = - _ . ~
    at_web_token = 64,   // all but letters, digits, - _ .
    at_sign = 128,       // user information that no window could hold: at_blank, @ and < >
    at_authority = 256,  // the end of a URL's host: at_blank and / ? # < > ` and backslashes
    at_tag = 512,        // the text of an XML element: < and line ends
  };

  Masking() = default;
  static Masking until(End end);
  // Until the quote that closes it, which has `depth` backslashes before it as the opening one had
  // (JSON within a string), or the line's end.
  static Masking quoted(char quote, size_t depth);
  static Masking bytes(size_t count);
  // Until `mark`, the end of a private key, or so much text that it cannot be one.
  static Masking private_key(std::string_view mark);
  // The lines that consist of base64 or hexadecimal digits.
  static Masking block();
  // The lines that are indented deeper than `indent`.
  static Masking indented(size_t indent);
  // In a string, until the bracket that closes the outermost of `depth` lists and objects; then
  // `closers` end the string and the inner ones.
  static Masking brackets(std::string closers, size_t depth);

  // So many bytes were masked before; it is off when none is left.
  void shorten(size_t count) {
    count_ -= std::min(count, count_);
    if (kind_ == Kind::counted && count_ == 0) kind_ = Kind::off;
  }

  bool is_on() const { return kind_ != Kind::off; }
  // The end of the secret in `text`, whose next byte is at `at`; when it is not reached,
  // text.size() and masking stays on.
  size_t skip(std::string_view text, size_t at);
  // What was skipped although it is not part of the secret: belongs before what follows.
  std::string_view left_over() const { return left_over_; }

 private:
  enum class Kind : uint8_t { off, bare, quoted, key, counted, block, indented, brackets };

  size_t skip_bare(std::string_view text, size_t at);
  size_t skip_quoted(std::string_view text, size_t at);
  size_t skip_key(std::string_view text, size_t at);
  size_t skip_block(std::string_view text, size_t at);
  size_t skip_indented(std::string_view text, size_t at);
  size_t skip_brackets(std::string_view text, size_t at);
  bool is_key_over(char c);
  void end(std::string_view left_over);

  Kind kind_ = Kind::off;
  uint16_t ends_ = 0;
  char quote_ = 0;
  bool line_is_foreign_ = false;
  bool line_has_text_ = false;
  size_t depth_ = 0;  // of the quote, the indentation or the brackets
  size_t run_ = 0;    // backslashes, or characters of the mark that ends a key
  size_t count_ = 0;  // bytes left, or bytes that are no part of a key
  std::string_view mark_;
  std::string left_over_;  // and the line so far
};

struct Secret {
  size_t start;  // in the window's text; at most reach_back before the candidate
  Masking masking;
};

// The secret that the candidate leads to, if it does.
std::optional<Secret> secret_at(const Window& window);

}  // namespace jetpack::support
