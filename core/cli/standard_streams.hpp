// The descriptors 0 to 2 of a process that may have been started without them.
#pragma once

#include <string_view>

namespace jetpack {

// Opens /dev/null in place of those that are closed, so that no file gets their numbers: what is
// written to standard error would go into it. Reading standard input and writing standard output
// still fail, because nobody gets an answer there. Called before anything else opens a file.
void open_standard_streams() noexcept;

// Writes to standard error for a person. Whether anybody reads it says nothing about the command,
// so a failure is ignored, and a closed pipe does not end the process.
void write_to_person(std::string_view text) noexcept;

}  // namespace jetpack
