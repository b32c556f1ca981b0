// Authenticates a user name and password.
#pragma once

#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/account_table.hpp"

namespace jetpack::hub {

// Checks credentials against the database. Hashing a password takes a tenth of a second on purpose,
// so a correct password is cached in memory for as long as the stored password stays the
// same, and the account for as long as the database has the same revision.
class Accounts {
 public:
  explicit Accounts(Database& database);

  // The account, or nullopt when the name or the password is wrong; which of the two, the time
  // it takes does not reveal it.
  std::optional<Account> authenticate(std::string_view name, std::string_view password);

 private:
  struct Verified {
    Account account;     // with the stored password that was matched
    std::string digest;  // of the password given, under key_
  };

  // What is remembered of this name and password; it may have changed.
  std::optional<Account> find_remembered(std::string_view name, std::string_view digest);
  void remember(const Account& account, std::string digest);

  Database& database_;
  std::string key_;                    // random for each process
  std::string decoy_;                  // hashed in place of an account that does not exist
  std::counting_semaphore<> hashing_;  // so that wrong passwords cannot occupy every processor
  std::mutex mutex_;
  std::unordered_map<std::string, Verified> verified_;  // by the name
};

}  // namespace jetpack::hub
