// Reads a JSON document, or the part of it that a dotted key leads to, from its bytes.
#include "support/json_reader.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include <jetpack/error.hpp>
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

std::optional<JsonReader::Selection> JsonReader::Selection::below(std::string_view name) const {
  if (all || rest == name) return Selection{{}, true};
  if (rest.starts_with(name) && rest[name.size()] == '.')
    return Selection{rest.substr(name.size() + 1), false};
  return std::nullopt;
}

void JsonReader::read(std::string_view key) {
  // A byte order mark, as Notepad and PowerShell write it.
  if (input_.peek() == byte_order_mark[0]) pass_word(byte_order_mark);
  read_value({key, key.empty()});
  next_token();
  if (!input_.is_at_end()) input_.fail("expected the end of the document");
}

void JsonReader::read_value(Selection selection) {
  const char first = next_token();
  count(sizeof(rapidjson::Value));
  if (first == '{') return read_object(selection);
  if (!selection.all && (first == '[' || first == '"')) {
    // No key leads into it; what counts is what it is.
    skip_value();
    if (first == '"') return keep("");
    document_.StartArray();
    document_.EndArray(0);
    return;
  }
  if (first == '[') return read_array();
  if (first == '"') {
    pass_string(true);
    return keep(scratch_);
  }
  read_word_or_number();
}

void JsonReader::read_object(Selection selection) {
  rapidjson::SizeType kept = 0;
  document_.StartObject();
  for (bool more = enter('}'); more; more = continues('}')) {
    expect_name();
    pass_string(true);
    const auto below = selection.below(scratch_);
    if (below) {
      ++kept;
      count(sizeof(rapidjson::Value) + scratch_.size());
      document_.Key(scratch_.data(), static_cast<rapidjson::SizeType>(scratch_.size()), true);
    }
    expect(':');
    if (below) {
      read_value(*below);
    } else {
      skip_value();
    }
  }
  --depth_;
  document_.EndObject(kept);
}

void JsonReader::read_array() {
  rapidjson::SizeType kept = 0;
  document_.StartArray();
  for (bool more = enter(']'); more; more = continues(']')) {
    read_value({{}, true});
    ++kept;
  }
  --depth_;
  document_.EndArray(kept);
}

void JsonReader::read_word_or_number() {
  switch (input_.peek()) {
    case 't':
      pass_word("true");
      document_.Bool(true);
      return;
    case 'f':
      pass_word("false");
      document_.Bool(false);
      return;
    case 'n':
      pass_word("null");
      document_.Null();
      return;
    default:
      read_number();
  }
}

void JsonReader::read_number() {
  const bool is_integer = pass_number();
  const char* const end = scratch_.data() + scratch_.size();
  if (is_integer) {
    int64_t integer = 0;
    uint64_t natural = 0;
    if (std::from_chars(scratch_.data(), end, integer).ec == std::errc()) {
      document_.Int64(integer);
      return;
    }
    if (std::from_chars(scratch_.data(), end, natural).ec == std::errc()) {
      document_.Uint64(natural);
      return;
    }
  } else if (is_digit(scratch_.back())) {
    // Not std::from_chars, which needs libm and would slow down the start of every command.
    const double number = std::strtod(scratch_.c_str(), nullptr);
    if (std::isfinite(number)) {
      document_.Double(number);
      return;
    }
  }
  keep(number_mark + scratch_);
}

void JsonReader::keep(std::string_view text) {
  count(text.size());
  document_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()), true);
}

void JsonReader::append(std::string_view run) {
  scratch_ += run;
  if (scratch_.size() > max_json_memory) count(scratch_.size());
}

void JsonReader::count(size_t bytes) {
  memory_ += bytes;
  if (memory_ > max_json_memory)
    throw Error(Errc::failed, input_.name() + ": too large for memory, the limit is " +
                                  std::to_string(max_json_memory >> 20) +
                                  " MiB; request a single key");
}

void JsonReader::expect_name() {
  if (next_token() != '"') input_.fail("expected a member's name in quotes");
}

// Whether it is an integer; its text is then in scratch_.
bool JsonReader::pass_number() {
  scratch_.clear();
  if (input_.peek() == '-') pass_character();
  if (const char first = input_.peek();
      rules_ == JsonRules::lenient && (first == 'I' || first == 'N')) {
    const std::string_view word = first == 'N' && scratch_.empty() ? "NaN" : "Infinity";
    pass_word(word);
    scratch_ += word;
    return false;
  }
  bool is_integer = true;
  if (input_.peek() == '0') {
    pass_character();
  } else {
    pass_digits();
  }
  if (input_.peek() == '.') {
    is_integer = false;
    pass_character();
    pass_digits();
  }
  if (input_.peek() == 'e' || input_.peek() == 'E') {
    is_integer = false;
    pass_character();
    if (input_.peek() == '+' || input_.peek() == '-') pass_character();
    pass_digits();
  }
  return is_integer;
}

void JsonReader::pass_character() {
  scratch_ += input_.peek();
  input_.advance();
}

void JsonReader::pass_digits() {
  if (!is_digit(input_.peek()))
    input_.fail(scratch_.empty() ? "expected a value" : "expected a digit");
  while (is_digit(input_.peek())) append(input_.advance_while(is_digit));
}

void JsonReader::pass_letters(std::string_view word) {
  for (const char letter : word) {
    if (input_.peek() != letter) input_.fail("expected " + std::string(word));
    input_.advance();
  }
}

char JsonReader::next_after_space() {
  for (;;) {
    // A single space is common, and many are behind the end of a line.
    char next = input_.peek_in_piece();
    if (next == ' ' || next == '\n') {
      input_.advance();
      if (next == '\n') input_.advance_spaces();
      next = input_.peek_in_piece();
      if (next > ' ') return next;
    }
    next = input_.peek();
    if (!is_json_space(next)) return next;
    input_.advance();
  }
}

void JsonReader::fail_to_find(char token) { input_.fail(std::string("expected '") + token + "'"); }

bool JsonReader::enter(char close) {
  input_.advance();
  if (++depth_ > max_json_depth)
    input_.fail_at(input_.offset(),
                   "nested deeper than " + std::to_string(max_json_depth) + " levels");
  if (next_token() != close) return true;
  input_.advance();
  return false;
}

void JsonReader::fail_to_continue(char close) {
  input_.fail(std::string("expected ',' or '") + close + "'");
}

}  // namespace jetpack::support
