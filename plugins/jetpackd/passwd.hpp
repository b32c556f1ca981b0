// Reads accounts from /etc/passwd, /etc/shadow and /etc/group, in the formats of passwd(5),
// shadow(5) and group(5).
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
  std::string comment;  // five parts with commas between them, of which users may set four: chfn(1)
  std::string home;
  std::string shell;
};

// The accounts in the text of a passwd file; invalid lines are skipped.
std::vector<Account> parse_passwd(std::string_view text);

// The last part of the comment, which only root can set; empty when there are fewer than five.
std::string_view root_comment(const Account& account);

// When the account expires, as the text of a shadow file has it: days since 1970, or empty for
// never. nullopt when it has no line there.
std::optional<std::string> expiry_in(std::string_view text, std::string_view name);

// Whether the text of a group file contains a group of the name, or of the number.
bool has_group(std::string_view text, std::string_view name);
bool has_group(std::string_view text, uint32_t gid);

const Account* find_account(const std::vector<Account>& accounts, std::string_view name);
const Account* find_uid(const std::vector<Account>& accounts, uint32_t uid);

}  // namespace jetpack::jetpackd
