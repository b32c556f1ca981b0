// Passes over the values of a JSON document that nobody asked for, checking only their syntax: most
// of what `jetpack config KEY` does.
#include <cstring>

#include "support/json_reader.hpp"
#include "support/json_scan.hpp"
#include "support/text.hpp"

namespace jetpack::support {

namespace {

// Each of these returns where its part ends, or nullptr where the reader has to look closely: at
// what is not JSON, seldom written, or not whole in this piece.

const char* behind_escapes(const char* at) {
  constexpr std::string_view letters = "\"\\/bfnrt";
  while (*at == '\\' && at[1] != '\0' && letters.find(at[1]) != std::string_view::npos)
    at = end_of_plain(at + 2);
  return *at == '"' ? at + 1 : nullptr;
}

inline const char* behind_string(const char* at) {
  at = end_of_plain(at + 1);
  return *at == '"' ? at + 1 : behind_escapes(at);
}

const char* behind_number(const char* at) {
  if (*at == '-') ++at;
  if (!is_digit(*at)) return nullptr;
  if (*at == '0') {
    ++at;
  } else {
    while (is_digit(*at)) ++at;
  }
  if (*at == '.') {
    if (!is_digit(*++at)) return nullptr;
    while (is_digit(*at)) ++at;
  }
  const bool is_whole = *at != '\0' && *at != 'e' && *at != 'E';
  return is_whole ? at : nullptr;
}

const char* behind_word(const char* at, std::string_view word) {
  return std::memcmp(at, word.data(), word.size()) == 0 ? at + word.size() : nullptr;
}

const char* behind_scalar(const char* at) {
  switch (*at) {
    case '"':
      return behind_string(at);
    case 't':
      return behind_word(at, "true");
    case 'f':
      return behind_word(at, "false");
    case 'n':
      return behind_word(at, "null");
    default:
      return behind_number(at);
  }
}

// Where the member's value begins.
const char* behind_name(const char* at) {
  if (*at != '"') return nullptr;
  at = behind_string(at);
  if (at == nullptr) return nullptr;
  if (*at != ':') at = end_of_json_space(at);
  return *at == ':' ? end_of_json_space(at + 1) : nullptr;
}

}  // namespace

void JsonReader::skip_value() {
  const char first = next_token();
  if (first != '{' && first != '[') return skip_scalar(first);
  Inside inside;
  if (!enter(first == '{' ? '}' : ']')) {
    --depth_;
    return;
  }
  inside.open(first == '{');
  inside.next = Inside::Next::element;
  for (;;) {
    skip_plain(inside);
    if (inside.is_left()) return;
    skip_closely(inside);
    if (inside.is_left()) return;
  }
}

// As far as it is written as programs write it.
void JsonReader::skip_plain(Inside& inside) {
  const char* at = input_.mark();
  auto next = inside.next;
  char close = inside.close();
  for (;;) {
    const char* to = end_of_json_space(at);
    if (next == Inside::Next::separator && *to == ',') {
      at = to + 1;
      next = Inside::Next::element;
      to = end_of_json_space(at);
    } else if (next != Inside::Next::element && *to == close) {
      at = to + 1;
      leave(inside);
      next = Inside::Next::separator;
      if (inside.is_left()) break;
      close = inside.close();
      continue;
    } else if (next == Inside::Next::separator) {
      break;
    }
    if (close == '}') to = behind_name(to);
    if (to == nullptr) break;
    if (*to == '{' || *to == '[') {
      if (depth_ == max_json_depth) break;
      ++depth_;
      inside.open(*to == '{');
      close = inside.close();
      next = Inside::Next::first;
      at = to + 1;
      continue;
    }
    to = behind_scalar(to);
    if (to == nullptr) break;
    at = to;
    next = Inside::Next::separator;
  }
  inside.next = next;
  input_.go_to(at);
}

// One element or separator, whatever it is.
void JsonReader::skip_closely(Inside& inside) {
  if (inside.next == Inside::Next::separator) {
    if (continues(inside.close())) {
      inside.next = Inside::Next::element;
    } else {
      leave(inside);
    }
    return;
  }
  if (inside.next == Inside::Next::first && next_token() == inside.close()) {
    input_.advance();
    return leave(inside);
  }
  if (inside.is_object()) {
    expect_name();
    skip_string();
    expect(':');
  }
  const char first = next_token();
  if (first != '{' && first != '[') {
    skip_scalar(first);
    inside.next = Inside::Next::separator;
  } else if (enter(first == '{' ? '}' : ']')) {
    inside.open(first == '{');
    inside.next = Inside::Next::element;
  } else {
    --depth_;
    inside.next = Inside::Next::separator;
  }
}

void JsonReader::leave(Inside& inside) {
  --depth_;
  inside.leave();
}

void JsonReader::skip_scalar(char first) {
  switch (first) {
    case '"':
      return skip_string();
    case 't':
      return pass_word("true");
    case 'f':
      return pass_word("false");
    case 'n':
      return pass_word("null");
    default:
      pass_number();
  }
}

}  // namespace jetpack::support
