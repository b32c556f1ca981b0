// Names and stored texts, as the whole hub limits them, and the time in milliseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace jetpack::hub {

// Stored text: at most `max_bytes`, NUL replaced by U+FFFD (SQL text ends at a NUL).
std::string stored_text(std::string_view text, size_t max_bytes);

// Whether `text` can name a cluster or a node: 1 to 128 letters, digits, '.', '_' or '-', the first
// a letter or digit. So a name needs no escaping in a URL, a path, an INI file or Basic
// credentials.
bool is_name(std::string_view text);

// Milliseconds since 1970.
int64_t now_ms();

}  // namespace jetpack::hub
