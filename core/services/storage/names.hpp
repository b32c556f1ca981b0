// Which blob names are valid.
#pragma once

#include <string>
#include <string_view>

namespace jetpack::storage {

// Throws Errc::usage for a name that is empty, longer than 1,024 bytes, not UTF-8, holds a NUL,
// begins with '/' or has a segment "." or "..": none of them may lead out of the locker.
void check_blob_name(std::string_view name);

// The same for the beginning of names, which may be empty.
void check_prefix(std::string_view prefix);

// Whether a blob of this name can be a file below a directory: also no segment is empty, and there
// are no control characters.
bool is_file_name(const std::string& name);

// The name in quotes, for an error: on one line, and not endless.
std::string quoted(std::string_view name);

}  // namespace jetpack::storage
