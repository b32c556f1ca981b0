// Finds the places in a text where a secret may be, at memory speed, so that the rules look only
// there.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace jetpack::support {

// The bytes that identify a candidate; places closer to the end are not examined.
constexpr size_t candidate_bytes = 4;

// The first candidate at or after `from`, or text.size(). A candidate is a place where four bytes
// look like part of "password", "://", "eyJ" and so on; many are not secrets, but none is missed.
using CandidateFinder = size_t (*)(std::string_view text, size_t from);

// The fastest one that this processor supports.
CandidateFinder candidate_finder();

// All that this processor supports; they find the same candidates.
std::span<const CandidateFinder> candidate_finders();

}  // namespace jetpack::support
