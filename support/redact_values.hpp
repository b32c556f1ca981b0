// What stands in the place of a secret's value: what separates it from the name, how it is quoted,
// and whether it is a secret at all.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "support/redact_names.hpp"
#include "support/redact_text.hpp"

namespace jetpack::support {

// What stands between a name and its value.
struct Separator {
  size_t end;               // where the value may begin
  bool is_encoded = false;  // in a percent-encoded URL
  bool is_blank = false;    // --password VALUE
  bool is_colon = false;    // "name: value", as in prose
  bool is_tag = false;      // the text of an XML element
};

std::optional<Separator> separator_at(const WindowReader& text, const Name& name);

// A quote in the notation of URLs, XML, or a shell's quote within a quote: the same text closes it.
std::string_view escaped_quote(const WindowReader& text, size_t at);
// Behind a quote at `at` of any notation, or `at`.
size_t behind_quote(const WindowReader& text, size_t at);

// Whether a value that ends at `end` bytes is none: a placeholder, a variable, a type, a call.
bool is_placeholder(const WindowReader& text, size_t at, Masking::End end);
// Whether a value after a colon begins a sentence, as in "invalid token: at 5".
bool is_prose(const WindowReader& text, const Name& name, size_t at);
bool is_path(const WindowReader& text, size_t at);
// Letters in both cases or with digits, and nothing else that base64 has not.
bool is_random(std::string_view value, size_t least);

}  // namespace jetpack::support
