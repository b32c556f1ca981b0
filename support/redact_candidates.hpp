// Finds the places in a text where a secret may be, at memory speed, so that the rules look only
// there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace jetpack::support {

// The bytes that identify a candidate; places closer to the end are not examined.
constexpr size_t candidate_bytes = 4;

// What a candidate leads to; redact_detectors.hpp has a function for each.
enum class Rule : uint8_t {
  name,
  user_information,
  data_source,
  web_token,
  scheme_token,
  prefixed,
  hash,
  azure_key,
  entra_secret,
  webhook,
  kerberos_key,
  private_key,
  block,
  option,
  piped,
  slash_user,
  pgpass,
  sql_password,
};

// The first candidate at or after `from`, or text.size(). A candidate is a place where four bytes
// look like part of "password", "://", "eyJ" and so on; many are not secrets, but none is missed.
using CandidateFinder = size_t (*)(std::string_view text, size_t from);

// The fastest one that this processor supports.
CandidateFinder candidate_finder();

// All that this processor supports; they find the same candidates.
std::span<const CandidateFinder> candidate_finders();

// The patterns that the four bytes match, a bit for each.
uint64_t patterns_at(const char* bytes);
Rule rule_of(size_t pattern);

}  // namespace jetpack::support
