// Reads a JSON document, or the part of it that a dotted key leads to, from its bytes.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "support/json.hpp"
#include "support/json_input.hpp"

namespace jetpack::support {

// Used instead of RapidJSON's reader, which needs the whole text in memory, cannot keep NaN and
// large numbers as they are, and rejects a document for a single invalid string.
class JsonReader {
 public:
  // Adds the values to `document`, from within its Populate().
  JsonReader(JsonInput& input, rapidjson::Document& document, JsonRules rules)
      : input_(input), document_(document), rules_(rules) {}

  // Reads the whole document, or only the value at `key`. Throws Errc::corrupt, or Errc::failed
  // when the values need more than max_json_memory.
  void read(std::string_view key);

 private:
  // The part of a value that the key selects.
  struct Selection {
    std::string_view rest;  // of the key
    bool all = false;       // everything below is kept

    std::optional<Selection> below(std::string_view name) const;
  };

  void read_value(Selection selection);
  void read_object(Selection selection);
  void read_array();
  void read_word_or_number();
  void read_number();
  void keep(std::string_view text);
  void count(size_t bytes);

  // Between two parts of a value that is skipped.
  class Inside {
   public:
    enum class Next {
      first,
      element,
      separator
    };  // and an end, but where an element has to follow
    Next next = Next::first;

    void open(bool is_object) {
      is_object_[++depth_] = is_object;
      next = Next::first;
    }
    void leave() {
      --depth_;
      next = Next::separator;
    }
    bool is_left() const { return depth_ == 0; }
    bool is_object() const { return is_object_[depth_]; }
    char close() const { return is_object() ? '}' : ']'; }

   private:
    std::array<bool, max_json_depth + 1> is_object_;  // of those that are open, from 1
    unsigned depth_ = 0;
  };

  void skip_value();
  void skip_plain(Inside& inside);
  void skip_closely(Inside& inside);
  void leave(Inside& inside);
  void skip_scalar(char first);

  void expect_name();
  // Skips a string; with `keeps`, stores its decoded text in scratch_.
  void pass_string(bool keeps);
  void pass_rest_of_string(bool keeps);
  void skip_string();
  void pass_escape(bool keeps);
  void pass_unicode_escape(bool keeps);
  unsigned read_unit();
  unsigned lone_surrogate();
  void keep_code_point(unsigned point, bool keeps);
  void repair_text(uint64_t start);

  bool pass_number();
  void pass_character();
  void pass_digits();
  void pass_word(std::string_view word) {
    if (!input_.pass(word)) pass_letters(word);
  }
  void pass_letters(std::string_view word);
  void append(std::string_view run);

  char next_token() {
    const char next = input_.peek_in_piece();
    return next > ' ' ? next : next_after_space();
  }
  char next_after_space();
  void expect(char token) {
    if (next_token() != token) fail_to_find(token);
    input_.advance();
  }
  [[noreturn]] void fail_to_find(char token);
  // Passes the separator behind an element: whether another one follows.
  bool continues(char close) {
    const char separator = next_token();
    if (separator != ',' && separator != close) fail_to_continue(close);
    input_.advance();
    return separator == ',';
  }
  [[noreturn]] void fail_to_continue(char close);
  // Enters an object or array; false when it is empty.
  bool enter(char close);

  JsonInput& input_;
  rapidjson::Document& document_;
  JsonRules rules_;
  unsigned depth_ = 0;
  size_t memory_ = 0;
  std::string scratch_;
};

}  // namespace jetpack::support
