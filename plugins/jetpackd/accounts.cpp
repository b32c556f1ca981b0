// Creates, updates and locks the local accounts of the users that the cluster manages, with useradd
// and usermod. Accounts that jetpackd did not create are never touched.
#include "jetpackd/accounts.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <jetpack/error.hpp>
#include "jetpackd/authorized_keys.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;

constexpr uint64_t max_account_file = 16 << 20;
constexpr size_t max_comment = 200;
constexpr size_t max_warnings = 1000;
constexpr std::chrono::seconds command_time{20};
constexpr const char* login_shell = "/bin/bash";
constexpr const char* locked_shell = "/sbin/nologin";
constexpr const char* sudoers_file = "/etc/sudoers.d/jetpack";

bool is_locked(const Account& account) { return account.shell.ends_with("/nologin"); }

// The user's full name, in the form that a field of /etc/passwd allows.
std::string comment_of(const User& user) {
  std::string comment = support::one_line(user.full_name.substr(0, max_comment));
  std::replace_if(
      comment.begin(), comment.end(), [](char c) { return c == ':' || c == ','; }, ' ');
  return support::well_formed(comment);
}

std::string sudoers_of(const std::vector<User>& users,
                       const std::map<std::string, uint32_t>& managed) {
  std::string text;
  for (const auto& user : users)
    if (user.is_admin && managed.contains(user.name))
      text += user.name + " ALL=(ALL) NOPASSWD: ALL\n";
  return text.empty() ? text : "# Written by jetpackd: the administrators of this node.\n" + text;
}

}  // namespace

Accounts::Accounts(jetpack::Process process, support::LogFile& log, Options options)
    : process_(process),
      log_(log),
      visible_log_(options.visible_log),
      options_(std::move(options)) {
  if (options_.root == "/") options_.root.clear();
}

bool Accounts::apply(const std::vector<User>& users) {
  if (::geteuid() != 0) {
    warn("users are not managed: jetpackd is not running as root");
    return true;
  }
  load();
  read_accounts();
  bool done = true;
  for (const auto& user : users) {
    options_.progress();
    done = update(user) && done;
  }
  for (const auto& [name, uid] : managed_) {
    const bool is_current = std::any_of(
        users.begin(), users.end(), [&name = name](const auto& user) { return user.name == name; });
    const Account* account = find_account(accounts_, name);
    if (is_current || account == nullptr || account->uid != uid || is_locked(*account)) continue;
    options_.progress();
    done = revoke(*account) && done;
  }
  return set_sudoers(users) && done;
}

void Accounts::load() {
  managed_.clear();
  const std::string path = options_.run_directory + "/users.json";
  const auto text = support::read_file(path, max_account_file);
  if (!text) return;
  try {
    const auto document = support::parse_json(*text, path);
    if (!document.IsObject()) throw Error(Errc::corrupt, path + " is not a JSON object");
    for (const auto& [name, uid] : document.GetObject())
      if (uid.IsUint()) managed_[std::string(support::text_of(name))] = uid.GetUint();
  } catch (const Error& e) {
    log_.error(std::string(e.what()) + "; moved to " + support::move_aside(path) +
               "; the accounts that it listed are left as they are");
  }
}

void Accounts::save() const {
  const std::string json = support::json_object([&](support::Object& uids) {
    for (const auto& [name, uid] : managed_) uids.number(name, uid);
  });
  support::write_durably(options_.run_directory + "/users.json", json, 0640);
}

void Accounts::read_accounts() {
  accounts_ =
      parse_passwd(support::read_file(in_root("/etc/passwd"), max_account_file).value_or(""));
  groups_ = support::read_file(in_root("/etc/group"), max_account_file).value_or("");
}

bool Accounts::exists_in_root(const std::string& path) const {
  struct stat info {};
  return ::lstat(in_root(path).c_str(), &info) == 0;
}

bool Accounts::update(const User& user) {
  const Account* account = find_account(accounts_, user.name);
  if (account == nullptr) {
    if (const Account* other = find_uid(accounts_, user.uid)) {
      warn("UID conflict: user '" + user.name + "' has uid " + std::to_string(user.uid) +
           " in the cluster, which belongs to '" + other->name + "' on this node; user not added");
      return true;
    }
    if (!add(user)) return false;
    account = find_account(accounts_, user.name);
    if (account == nullptr) return false;
  }
  const auto managed = managed_.find(user.name);
  if (managed == managed_.end() || managed->second != account->uid) {
    warn("user '" + user.name +
         "' has an account that jetpackd did not create; it is left as it is");
    return true;
  }
  if (account->uid != user.uid)
    warn("UID conflict: user '" + user.name + "' has uid " + std::to_string(account->uid) +
         " on this node and " + std::to_string(user.uid) + " in the cluster; it is not changed");
  const Account known = *account;
  const bool is_open = !is_locked(known) || restore(known);
  return set_keys(known, user.public_keys) && is_open;
}

bool Accounts::add(const User& user) {
  // Recorded first: an account that is created but not recorded would never be managed again.
  managed_[user.name] = user.uid;
  save();
  const std::string parent = exists_in_root("/shared/home") ? "/shared/home/" : "/home/";
  std::vector<std::string> command{"/usr/sbin/useradd"};
  if (!options_.root.empty()) command.insert(command.end(), {"--root", options_.root});
  // Only the distribution's rule rejects these names, and only newer versions have the option.
  const bool is_unusual = std::any_of(user.name.begin(), user.name.end(),
                                      [](char c) { return c == '.' || (c >= 'A' && c <= 'Z'); });
  if (is_unusual) command.emplace_back("--badname");
  command.insert(command.end(),
                 {"--uid", std::to_string(user.uid), "--create-home", "--home-dir",
                  parent + user.name, "--shell", login_shell, "--comment", comment_of(user)});
  if (has_group(groups_, user.name)) {
    command.insert(command.end(), {"--gid", user.name});
  } else {
    command.emplace_back("--user-group");
  }
  command.push_back(user.name);
  if (!run(std::move(command), "add user '" + user.name + "'")) {
    managed_.erase(user.name);
    save();
    return false;
  }
  log_.info("Added user '" + user.name + "'");
  visible_log_.info("Added user '" + user.name + "'");
  read_accounts();
  return true;
}

bool Accounts::restore(const Account& account) {
  std::vector<std::string> command{"/usr/sbin/usermod"};
  if (!options_.root.empty()) command.insert(command.end(), {"--root", options_.root});
  command.insert(command.end(), {"--shell", login_shell, account.name});
  if (!run(std::move(command), "restore the access of user '" + account.name + "'")) return false;
  log_.info("Restored user '" + account.name + "'");
  return true;
}

bool Accounts::revoke(const Account& account) {
  std::vector<std::string> command{"/usr/sbin/usermod"};
  if (!options_.root.empty()) command.insert(command.end(), {"--root", options_.root});
  command.insert(command.end(), {"--shell", locked_shell, account.name});
  if (!run(std::move(command), "revoke the access of user '" + account.name + "'")) return false;
  log_.info("Revoked user '" + account.name + "'");
  return set_keys(account, {});
}

bool Accounts::set_keys(const Account& account, const std::vector<std::string>& keys) {
  try {
    ensure_home(account);
    install_keys(in_root(account.home), account, keys);
    return true;
  } catch (const Error& e) {
    warn("user '" + account.name + "': " + e.what());
    return false;
  }
}

// useradd may have been killed after it created the account and before it created its home.
void Accounts::ensure_home(const Account& account) const {
  const std::string home = in_root(account.home);
  if (::mkdir(home.c_str(), 0700) != 0) return;
  if (::lchown(home.c_str(), account.uid, account.gid) != 0)
    throw Error(Errc::failed, "cannot change the owner of " + home + " to '" + account.name +
                                  "': " + support::system_message(errno));
}

bool Accounts::set_sudoers(const std::vector<User>& users) {
  const std::string path = in_root(sudoers_file);
  const std::string text = sudoers_of(users, managed_);
  if (text.empty()) {
    if (::unlink(path.c_str()) == 0) log_.info("removed " + path);
    return true;
  }
  if (!exists_in_root("/etc/sudoers.d")) {
    warn("administrators cannot use sudo: " + in_root("/etc/sudoers.d") + " not found");
    return true;
  }
  try {
    if (support::read_file(path, max_account_file) == text) return true;
    // One invalid file disables sudo for all users.
    const std::string draft = options_.run_directory + "/sudoers.draft";
    support::write_durably(draft, text, 0440);
    const bool is_valid = ::access("/usr/sbin/visudo", X_OK) != 0 ||
                          run({"/usr/sbin/visudo", "-cqf", draft}, "check " + draft);
    ::unlink(draft.c_str());
    if (!is_valid) return false;
    support::write_durably(path, text, 0440);
    log_.info("wrote " + path);
    return true;
  } catch (const Error& e) {
    warn(e.what());
    return false;
  }
}

bool Accounts::run(std::vector<std::string> command, const std::string& doing) {
  options_.progress();
  jetpack::ProcessSpec spec;
  spec.argv = std::move(command);
  spec.env = {"LC_ALL=C"};
  spec.deadline = command_time;
  try {
    const auto result = process_.run(spec);
    if (result.exit_code == 0) return true;
    warn("cannot " + doing + ": " + spec.argv[0] +
         (result.timed_out ? " timed out"
                           : " failed with exit code " + std::to_string(result.exit_code)) +
         ": " + support::one_line(support::trimmed(result.err).substr(0, 500)));
  } catch (const Error& e) {
    warn("cannot " + doing + ": " + e.what());
  }
  return false;
}

void Accounts::warn(const std::string& text) {
  if (warned_.size() >= max_warnings) warned_.clear();
  if (warned_.insert(text).second) log_.warning(text);
}

}  // namespace jetpack::jetpackd
