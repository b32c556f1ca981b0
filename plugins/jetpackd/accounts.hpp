// Creates, updates and locks the local accounts of the users that the cluster manages, with useradd
// and usermod. Accounts that jetpackd did not create are never touched.
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
    std::string root;                // the root whose /etc/passwd is managed; empty: this system
    std::string run_directory;       // where users.json, the list of our accounts, is kept
    std::string visible_log;         // also gets "Added user 'name'", which callers look for
    std::function<void()> progress;  // called before each step
  };

  Accounts(jetpack::Process process, support::LogFile& log, Options options);

  // Updates the accounts to match `users` and logs each failure once. Returns whether everything
  // possible was done: a user whose name or uid is already taken counts as done.
  bool apply(const std::vector<User>& users);

 private:
  void load();
  void save() const;
  void read_accounts();
  std::string in_root(const std::string& path) const { return options_.root + path; }
  bool exists_in_root(const std::string& path) const;

  bool update(const User& user);
  bool add(const User& user);
  bool restore(const Account& account);
  bool revoke(const Account& account);
  bool set_keys(const Account& account, const std::vector<std::string>& keys);
  void ensure_home(const Account& account) const;
  bool set_sudoers(const std::vector<User>& users);
  bool run(std::vector<std::string> command, const std::string& doing);
  void warn(const std::string& text);

  jetpack::Process process_;
  support::LogFile& log_;
  support::LogFile visible_log_;
  Options options_;
  std::map<std::string, uint32_t> managed_;  // name and uid of the accounts that we created
  std::vector<Account> accounts_;
  std::string groups_;
  std::set<std::string> warned_;
};

}  // namespace jetpack::jetpackd
