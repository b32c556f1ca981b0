// The names of secrets, by their last word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "support/redact_text.hpp"

namespace jetpack::support {

enum class NameKind : uint8_t {
  password,   // any value
  secret,     // any value, but not a sentence about it
  weak,       // a value that looks random: auth, key
  key,        // one word before "key" tells that it is secret: not when the value is short
  header,     // the value is all that follows on the line
  signature,  // the value has the letters of a URL
};

struct Name {
  size_t start;  // of the last word
  size_t end;
  NameKind kind;
  bool is_plural = false;
  bool may_be_path = false;  // PWD, private_key
  size_t word = 0;           // where the whole name starts
};

// The name of a secret that the candidate is part of.
std::optional<Name> name_at(const WindowReader& text);

}  // namespace jetpack::support
