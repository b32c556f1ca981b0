// Creates, updates and locks the local accounts of the users that the cluster manages, with useradd
// and usermod.
#include "jetpackd/accounts.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <jetpack/error.hpp>
#include "jetpackd/authorized_keys.hpp"
#include "jetpackd/homes.hpp"
#include "jetpackd/sessions.hpp"
#include "support/files.hpp"
#include "support/text.hpp"
#include "support/user_name.hpp"
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
constexpr const char* expired = "1";  // the second day of 1970
constexpr const char* sudoers_file = "/etc/sudoers.d/jetpack";
// Exit codes of useradd(8) and groupadd(8).
constexpr int uid_or_gid_in_use = 4, name_in_use = 9;

bool has_no_shell(const Account& account) { return account.shell.ends_with("/nologin"); }

// With the uid, so that a comment that was copied to another account does not count.
std::string mark_of(uint32_t uid) { return "managed by jetpackd as uid " + std::to_string(uid); }

bool is_ours(const Account& account) {
  return account.uid >= support::least_uid && root_comment(account) == mark_of(account.uid);
}

// The user's full name, in the form that a field of /etc/passwd allows, and our mark as the fifth
// part.
std::string comment_of(const User& user) {
  std::string comment = support::one_line(support::beginning_of(user.full_name, max_comment));
  std::replace_if(
      comment.begin(), comment.end(), [](char c) { return c == ':' || c == ','; }, ' ');
  return support::well_formed(comment) + ",,,," + mark_of(user.uid);
}

std::string quoted(const std::string& name) { return "user '" + name + "'"; }

}  // namespace

Accounts::Accounts(jetpack::Process process, support::LogFile& log, Options options)
    : process_(process),
      log_(log),
      visible_log_(options.visible_log),
      options_(std::move(options)) {
  if (options_.root == "/") options_.root.clear();
}

Accounts::Outcome Accounts::apply(const std::vector<User>& users) {
  if (::geteuid() != 0) {
    warn("users are not managed: jetpackd is not running as root");
    return {};
  }
  left_out_.clear();
  read_accounts();
  bool is_complete = true;
  for (const auto& user : users) {
    options_.progress();
    if (update(user)) continue;
    is_complete = false;
    left_out_.push_back(quoted(user.name));
  }
  const auto known = accounts_;
  for (const auto& account : known) {
    const auto is_same = [&](const User& user) { return user.name == account.name; };
    if (!is_ours(account) || std::any_of(users.begin(), users.end(), is_same)) continue;
    options_.progress();
    if (revoke(account)) continue;
    is_complete = false;
    left_out_.push_back("the revoked " + quoted(account.name));
  }
  if (!set_sudoers(users)) {
    is_complete = false;
    left_out_.emplace_back("the administrators' sudo");
  }
  return {is_complete, left_out_};
}

void Accounts::read_accounts() {
  const std::string path = in_root("/etc/passwd");
  const auto passwd = support::read_file(path, max_account_file);
  // Without it everybody would seem to be gone, administrators too.
  if (!passwd) throw Error(Errc::unavailable, "cannot read " + path + ": not found");
  accounts_ = parse_passwd(*passwd);
  groups_ = support::read_file(in_root("/etc/group"), max_account_file).value_or("");
  try {
    shadow_ = support::read_file(in_root("/etc/shadow"), max_account_file);
  } catch (const Error& e) {
    warn(e.what());
    shadow_.reset();
  }
}

bool Accounts::exists_in_root(const std::string& path) const {
  struct stat info {};
  return ::lstat(in_root(path).c_str(), &info) == 0;
}

bool Accounts::update(const User& user) {
  const Account* account = find_account(accounts_, user.name);
  if (account == nullptr) {
    const Added added = add(user);
    if (added != Added::yes) return added == Added::taken;
    account = find_account(accounts_, user.name);
    if (account == nullptr) return false;
  }
  if (!is_ours(*account)) {
    leave_out(user, quoted(user.name) +
                        " has an account that jetpackd did not create; it is left as it is");
    return true;
  }
  if (account->uid != user.uid)
    leave_out(user, "UID conflict: " + quoted(user.name) + " has uid " +
                        std::to_string(account->uid) + " on this node and " +
                        std::to_string(user.uid) + " in the cluster; it is not changed");
  const Account known = *account;
  const bool is_open = finish(known) && restore(known);
  return set_keys(known, user.public_keys) && is_open;
}

Accounts::Added Accounts::add(const User& user) {
  if (const Account* other = find_uid(accounts_, user.uid)) {
    leave_out(user, "UID conflict: " + quoted(user.name) + " has uid " + std::to_string(user.uid) +
                        " in the cluster, which belongs to '" + other->name +
                        "' on this node; user not added");
    return Added::taken;
  }
  // It may be one that gives rights, such as docker or wheel.
  if (has_group(groups_, user.name)) {
    leave_out(user, quoted(user.name) +
                        " is not added: a group of that name exists that jetpackd did not create; "
                        "remove it (groupdel) or rename the user");
    return Added::taken;
  }
  const std::string parent = exists_in_root("/shared/home") ? "/shared/home/" : "/home/";
  auto useradd = command("/usr/sbin/useradd");
  // Only the distribution's rule rejects these names, and only newer versions have the option.
  const bool is_unusual = std::any_of(user.name.begin(), user.name.end(),
                                      [](char c) { return c == '.' || (c >= 'A' && c <= 'Z'); });
  if (is_unusual) useradd.emplace_back("--badname");
  useradd.insert(useradd.end(), {"--uid", std::to_string(user.uid), "--user-group", "--create-home",
                                 "--home-dir", parent + user.name, "--shell", login_shell,
                                 "--comment", comment_of(user), user.name});
  const int code =
      run(std::move(useradd), "add " + quoted(user.name), {uid_or_gid_in_use, name_in_use});
  read_accounts();
  // The account may be there although useradd failed, for example to create the home.
  if (find_account(accounts_, user.name) == nullptr) {
    if (code != uid_or_gid_in_use && code != name_in_use) return Added::failed;
    leave_out(user, quoted(user.name) + " is not added: its " +
                        (code == name_in_use ? "name" : "uid") +
                        " is in use on this node, though not in /etc/passwd; look in LDAP or SSSD");
    return Added::taken;
  }
  log_.info("Added user '" + user.name + "'");
  visible_log_.info("Added user '" + user.name + "'");
  return Added::yes;
}

// Does what useradd left undone when it failed or was killed: it writes passwd first.
bool Accounts::finish(const Account& account) {
  bool is_done = true;
  if (!has_group(groups_, account.gid) && !has_group(groups_, account.name)) {
    auto groupadd = command("/usr/sbin/groupadd");
    groupadd.insert(groupadd.end(), {"--gid", std::to_string(account.gid), account.name});
    const int code = run(std::move(groupadd), "add the group of " + quoted(account.name),
                         {uid_or_gid_in_use, name_in_use});
    is_done = code == 0 || code == uid_or_gid_in_use || code == name_in_use;
  }
  // Setting the date adds the missing line.
  if (shadow_ && !expiry_in(*shadow_, account.name)) {
    auto usermod = command("/usr/sbin/usermod");
    usermod.insert(usermod.end(), {"--expiredate", "", account.name});
    is_done =
        run(std::move(usermod), "complete the account of " + quoted(account.name)) == 0 && is_done;
  }
  return is_done;
}

bool Accounts::restore(const Account& account) {
  const bool is_expired = shadow_ && expiry_in(*shadow_, account.name) == expired;
  if (!has_no_shell(account) && !is_expired) return true;
  auto usermod = command("/usr/sbin/usermod");
  // Only our date is removed, not one that an administrator of the node has set.
  if (is_expired) usermod.insert(usermod.end(), {"--expiredate", ""});
  usermod.insert(usermod.end(), {"--shell", login_shell, account.name});
  if (run(std::move(usermod), "restore the access of " + quoted(account.name)) != 0) return false;
  log_.info("Restored user '" + account.name + "'");
  return true;
}

bool Accounts::revoke(const Account& account) {
  bool is_done = lock(account);
  // Before the keys, so that no process puts them back.
  is_done = end_sessions(account) && is_done;
  try {
    revoke_keys(in_root(account.home), account);
  } catch (const Error& e) {
    warn(quoted(account.name) + ": " + e.what());
    is_done = false;
  }
  return is_done;
}

// The expired account is what keeps sshd, cron and su out, whatever keys and files there are.
bool Accounts::lock(const Account& account) {
  const bool is_expired = !shadow_ || expiry_in(*shadow_, account.name) == expired;
  if (has_no_shell(account) && is_expired) return true;
  auto usermod = command("/usr/sbin/usermod");
  if (shadow_) usermod.insert(usermod.end(), {"--expiredate", expired});
  usermod.insert(usermod.end(), {"--shell", locked_shell, account.name});
  if (run(std::move(usermod), "revoke the access of " + quoted(account.name)) != 0) return false;
  log_.info("Revoked user '" + account.name + "'");
  return true;
}

bool Accounts::end_sessions(const Account& account) {
  // Below another root the uid is another system's.
  if (!options_.root.empty() || !has_processes(account.uid)) return true;
  constexpr const char* loginctl = "/usr/bin/loginctl";
  if (::access("/run/systemd/system", F_OK) == 0 && ::access(loginctl, X_OK) == 0)
    run({loginctl, "terminate-user", account.name}, "end the sessions of " + quoted(account.name));
  options_.progress();
  if (end_processes(account.uid)) {
    log_.info("Ended the processes of user '" + account.name + "'");
    return true;
  }
  warn("cannot end the processes of " + quoted(account.name));
  return false;
}

bool Accounts::set_keys(const Account& account, const std::vector<std::string>& keys) {
  try {
    ensure_home(in_root(account.home), account, in_root("/etc/skel"));
    install_keys(in_root(account.home), account, keys);
    return true;
  } catch (const Error& e) {
    warn(quoted(account.name) + ": " + e.what());
    return false;
  }
}

// By uid: a name may mean more than one user to sudo, such as ALL. Nothing in a line comes from
// outside but the name in its comment, which is_user_name() has judged, so that every file is valid.
bool Accounts::set_sudoers(const std::vector<User>& users) {
  const std::string path = in_root(sudoers_file);
  std::string text;
  for (const auto& user : users) {
    const Account* account = find_account(accounts_, user.name);
    if (user.is_admin && account != nullptr && is_ours(*account))
      text +=
          "# " + user.name + "\n#" + std::to_string(account->uid) + " ALL=(ALL) NOPASSWD: ALL\n";
  }
  try {
    if (text.empty()) {
      if (::unlink(path.c_str()) == 0) log_.info("removed " + path);
      return true;
    }
    text = "# Written by jetpackd: the administrators of this node.\n" + text;
    if (!exists_in_root("/etc/sudoers.d")) {
      warn("administrators cannot use sudo: " + in_root("/etc/sudoers.d") + " not found");
      return true;
    }
    // The draft stands beside it; sudo reads no files with a dot in their names.
    if (support::write_if_changed(path, text, 0440)) log_.info("wrote " + path);
    return true;
  } catch (const Error& e) {
    warn(e.what());
    return false;
  }
}

std::vector<std::string> Accounts::command(const char* program) const {
  if (options_.root.empty()) return {program};
  return {program, "--root", options_.root};
}

// The exit code, or -1; everything but 0 and what is expected is a warning.
int Accounts::run(std::vector<std::string> command, const std::string& doing,
                  std::initializer_list<int> expected) {
  options_.progress();
  jetpack::ProcessSpec spec;
  spec.argv = std::move(command);
  spec.env = {"LC_ALL=C"};
  spec.deadline = command_time;
  try {
    const auto result = process_.run(spec);
    const int code = result.timed_out ? -1 : result.exit_code;
    if (code == 0 || std::find(expected.begin(), expected.end(), code) != expected.end())
      return code;
    warn("cannot " + doing + ": " + spec.argv[0] +
         (result.timed_out ? " timed out"
                           : " failed with exit code " + std::to_string(result.exit_code)) +
         ": " + support::one_line(support::trimmed(result.err).substr(0, 500)));
    return code;
  } catch (const Error& e) {
    warn("cannot " + doing + ": " + e.what());
    return -1;
  }
}

void Accounts::leave_out(const User& user, const std::string& why) {
  left_out_.push_back(quoted(user.name));
  warn(why);
}

void Accounts::warn(const std::string& text) {
  if (warned_.size() >= max_warnings) warned_.clear();
  if (warned_.insert(text).second) log_.warning(text);
}

}  // namespace jetpack::jetpackd
