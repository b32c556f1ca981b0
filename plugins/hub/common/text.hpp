// Text and time helpers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack::hub {

// The longest beginning of `text` that has at most `max_bytes` and ends with a whole code point.
std::string_view beginning_of(std::string_view text, size_t max_bytes);

// `text` on one line that no terminal or log reader can misunderstand: control characters become
// \n, \t, \xNN.
std::string one_line(std::string_view text);

// Stored text: at most `max_bytes`, NUL replaced by U+FFFD (SQL text ends at a NUL).
std::string stored_text(std::string_view text, size_t max_bytes);

// Whether `text` can name a cluster or a node: 1 to 128 letters, digits, '.', '_' or '-', the first
// a letter or digit. So a name needs no escaping in a URL, a path, an INI file or Basic
// credentials.
bool is_name(std::string_view text);

// Milliseconds since 1970.
int64_t now_ms();

// "2024-10-04T13:03:40.298Z"; "" for 0, which stands for never.
std::string iso_time(int64_t unix_ms);

// The reverse, of what others write: "2024-10-04T13:03:40Z", with any fraction of a second, or with
// +HH:MM in place of Z. nullopt for what is none, or not in the years 1970 to 9999.
std::optional<int64_t> parse_iso_time(std::string_view text);

// "Fri, 04 Oct 2024 13:03:40 GMT", as HTTP writes a time; Unix seconds.
std::string http_date(int64_t unix_seconds);

// The reverse; nullopt for what is none.
std::optional<int64_t> parse_http_date(std::string_view text);

}  // namespace jetpack::hub
