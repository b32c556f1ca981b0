// The local accounts of the users that the cluster manages: made, kept and closed with useradd and
// usermod. Accounts that were not made here are never touched.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <jetpack/process.hpp>
#include "jetpackd/passwd.hpp"
#include "jetpackd/userdata.hpp"
#include "support/log_file.hpp"

namespace jetpack::jetpackd {

class Accounts {
 public:
  struct Options {
    std::string root;                // where /etc/passwd is; empty: this system
    std::string run_folder;          // for users.json, which says whom we made
    std::string visible_log;         // gets "Added user 'name'" too, as callers expect it
    std::function<void()> progress;  // called before each step
  };

  Accounts(jetpack::Process process, support::LogFile& log, Options options);

  // Makes the accounts be those of `users`; what cannot be done is logged, once. Whether all was
  // done that can be: a user whose name or uid somebody else has counts as done.
  bool apply(const std::vector<User>& users);

 private:
  void load();
  void save() const;
  void read_accounts();
  std::string in_root(const std::string& path) const { return options_.root + path; }
  bool exists_in_root(const std::string& path) const;

  bool keep(const User& user);
  bool add(const User& user);
  bool reopen(const Account& account);
  bool close(const Account& account);
  bool set_keys(const Account& account, const std::vector<std::string>& keys);
  void ensure_home(const Account& account) const;
  bool set_sudoers(const std::vector<User>& users);
  bool run(std::vector<std::string> command, const std::string& doing);
  void warn(const std::string& text);

  jetpack::Process process_;
  support::LogFile& log_;
  support::LogFile visible_log_;
  Options options_;
  std::map<std::string, uint32_t> made_;  // by us: name and uid
  std::vector<Account> accounts_;
  std::string groups_;
  std::set<std::string> warned_;
};

}  // namespace jetpack::jetpackd
