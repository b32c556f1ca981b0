// Which names and uids the cluster's users may have on a node.
#include "support/user_name.hpp"

#include <algorithm>
#include <array>

#include "support/text.hpp"

namespace jetpack::support {

namespace {

constexpr size_t max_user_name = 32;  // useradd(8)
constexpr std::array<std::string_view, 8> reserved{"root",       "ALL",        "Defaults",
                                                   "User_Alias", "Host_Alias", "Cmd_Alias",
                                                   "Cmnd_Alias", "Runas_Alias"};

bool may_begin(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

bool is_user_name(std::string_view name) {
  if (name.empty() || name.size() > max_user_name || !may_begin(name.front())) return false;
  if (std::find(reserved.begin(), reserved.end(), name) != reserved.end()) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return may_begin(c) || is_digit(c) || c == '-' || c == '.'; });
}

}  // namespace jetpack::support
