// Writes a bundle's files to a directory, and checks each against the manifest while it is written.
#pragma once

#include <string>

#include "bundles/judge.hpp"

namespace jetpack::bundles {

// The directory must be empty. All is synced to disk. Throws Refusal for a file that is not what
// the manifest says, Error when it cannot be written.
void unpack(const Content& content, const Judged& bundle, const std::string& directory);

// Checks the files in the same way, and writes nothing.
void check_digests(const Content& content, const Judged& bundle);

// The SHA-256 of the file at this index, in hexadecimal; `also` gets its bytes.
std::string digest_of(const Content& content, size_t index, const Sink& also);

}  // namespace jetpack::bundles
