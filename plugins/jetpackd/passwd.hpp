// Reads accounts from /etc/passwd and /etc/group, in the format of passwd(5) and group(5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::jetpackd {

struct Account {
  std::string name;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string home;
  std::string shell;
};

// The accounts in the text of a passwd file; invalid lines are skipped.
std::vector<Account> parse_passwd(std::string_view text);

// Whether the text of a group file contains the group.
bool has_group(std::string_view text, std::string_view name);

const Account* find_account(const std::vector<Account>& accounts, std::string_view name);
const Account* find_uid(const std::vector<Account>& accounts, uint32_t uid);

}  // namespace jetpack::jetpackd
