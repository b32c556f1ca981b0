// Suggests what a mistyped word may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jetpack::support {

// The candidate nearest to `typed`, or "" when more than a third of the letters differ in all.
std::string nearest(std::string_view typed, const std::vector<std::string_view>& candidates);

}  // namespace jetpack::support
