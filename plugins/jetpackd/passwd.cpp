// Reads accounts from /etc/passwd, /etc/shadow and /etc/group, in the formats of passwd(5),
// shadow(5) and group(5).
#include "jetpackd/passwd.hpp"

#include <algorithm>
#include <charconv>

namespace jetpack::jetpackd {

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<uint32_t> to_id(std::string_view text) {
  uint32_t id = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return id;
}

}  // namespace

std::vector<Account> parse_passwd(std::string_view text) {
  constexpr size_t fields_of_passwd = 7;
  std::vector<Account> accounts;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != fields_of_passwd) continue;
    const auto uid = to_id(fields[2]);
    const auto gid = to_id(fields[3]);
    if (!uid || !gid) continue;
    accounts.push_back({std::string(fields[0]), *uid, *gid, std::string(fields[4]),
                        std::string(fields[5]), std::string(fields[6])});
  }
  return accounts;
}

std::string_view root_comment(const Account& account) {
  constexpr size_t parts_of_comment = 5;
  const auto parts = split(account.comment, ',');
  return parts.size() < parts_of_comment ? std::string_view() : parts.back();
}

std::optional<std::string> expiry_in(std::string_view text, std::string_view name) {
  constexpr size_t fields_of_shadow = 9;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields[0] != name) continue;
    return std::string(fields.size() == fields_of_shadow ? fields[7] : "");
  }
  return std::nullopt;
}

bool has_group(std::string_view text, std::string_view name) {
  const auto lines = split(text, '\n');
  return std::any_of(lines.begin(), lines.end(), [&](std::string_view line) {
    return line.substr(0, line.find(':')) == name && line.size() > name.size();
  });
}

bool has_group(std::string_view text, uint32_t gid) {
  const auto lines = split(text, '\n');
  return std::any_of(lines.begin(), lines.end(), [&](std::string_view line) {
    const auto fields = split(line, ':');
    return fields.size() > 2 && to_id(fields[2]) == gid;
  });
}

const Account* find_account(const std::vector<Account>& accounts, std::string_view name) {
  const auto found = std::find_if(accounts.begin(), accounts.end(),
                                  [&](const Account& account) { return account.name == name; });
  return found == accounts.end() ? nullptr : &*found;
}

const Account* find_uid(const std::vector<Account>& accounts, uint32_t uid) {
  const auto found = std::find_if(accounts.begin(), accounts.end(),
                                  [&](const Account& account) { return account.uid == uid; });
  return found == accounts.end() ? nullptr : &*found;
}

}  // namespace jetpack::jetpackd
