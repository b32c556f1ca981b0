// Creates, updates and locks the local accounts of the users that the cluster manages, with useradd
// and usermod.
//
// An account that jetpackd created says so itself, in the part of its comment that only root can set,
// together with its uid: there is no list of them that could be lost, damaged or written by others.
// Accounts without that mark, and those with a uid below 1000, are never touched.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <jetpack/process.hpp>
#include "jetpackd/passwd.hpp"
#include "support/log_file.hpp"
#include "support/userdata.hpp"

namespace jetpack::jetpackd {

using support::User;

class Accounts {
 public:
  struct Options {
    std::string root;                // the root whose /etc/passwd is managed; empty: this system
    std::string visible_log;         // also gets "Added user 'name'", which callers look for
    std::function<void()> progress;  // called before each step
  };

  struct Outcome {
    // Everything possible was done: a user whose name or uid is already taken counts as done.
    bool is_complete = true;
    std::vector<std::string> left_out;  // "user 'ada'": those who are not, or not fully, set up
  };

  Accounts(jetpack::Process process, support::LogFile& log, Options options);

  // Updates the accounts to match `users` and logs each failure once.
  Outcome apply(const std::vector<User>& users);

 private:
  enum class Added { yes, taken, failed };

  void read_accounts();
  std::string in_root(const std::string& path) const { return options_.root + path; }
  bool exists_in_root(const std::string& path) const;

  // Whether all was done for the user.
  bool update(const User& user);
  Added add(const User& user);
  bool finish(const Account& account);
  bool restore(const Account& account);
  bool revoke(const Account& account);
  bool lock(const Account& account);
  bool end_sessions(const Account& account);
  bool set_keys(const Account& account, const std::vector<std::string>& keys);
  bool set_sudoers(const std::vector<User>& users);

  std::vector<std::string> command(const char* program) const;
  int run(std::vector<std::string> command, const std::string& doing,
          std::initializer_list<int> expected = {});
  void leave_out(const User& user, const std::string& why);
  void warn(const std::string& text);

  jetpack::Process process_;
  support::LogFile& log_;
  support::LogFile visible_log_;
  Options options_;
  std::vector<Account> accounts_;
  std::string groups_;
  std::optional<std::string> shadow_;  // nullopt: this system has none
  std::vector<std::string> left_out_;
  std::set<std::string> warned_;
};

}  // namespace jetpack::jetpackd
