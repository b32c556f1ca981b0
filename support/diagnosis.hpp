// What can be wrong with a node: the ids that `jetpack doctor` reports, `jetpack initialize` explains
// and docs/troubleshooting.md lists.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace jetpack::support {

enum class Severity : uint8_t { error, warning, info };

std::string_view name_of(Severity severity);

struct Diagnosis {
  std::string_view id;  // stable: scripts and documents refer to it
  std::string_view area;
  Severity severity;
  std::string_view cause;
  std::string_view remedy;
};

// By area, in the order in which they are documented.
std::span<const Diagnosis> diagnoses();

// The one with this id, which must be in the table.
const Diagnosis& diagnosis(std::string_view id);

}  // namespace jetpack::support
