// Finds where in a text a secret may be, at the speed of memory, so that rules need look only
// there.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace jetpack::support {

// Bytes that a candidate is recognized by: a place this close to the end is not looked at.
constexpr size_t candidate_bytes = 4;

// The first candidate at or behind `from`, or text.size(). A candidate is a place where four bytes
// look like part of "password", "://", "eyJ" and so on; most are none, but none is missed.
using CandidateFinder = size_t (*)(std::string_view text, size_t from);

// The fastest that this processor can run.
CandidateFinder candidate_finder();

// All that this processor can run; they find the same.
std::span<const CandidateFinder> candidate_finders();

}  // namespace jetpack::support
