// Tests of authentication.
#include "server/accounts.hpp"

#include <string>

#include <doctest/doctest.h>

#include "common/passwords.hpp"
#include "store/test_database.hpp"

using namespace jetpack::hub;

TEST_CASE("credentials") {
  TestDatabase database;
  const auto set = [&](const std::string& password) {
    const std::string record = hash_password(password);
    return database->write("t", [&](Transaction& transaction) {
      return put_account(transaction.session(), {0, "admin", Role::admin, "", "", record});
    });
  };
  CHECK(set("one"));
  Accounts accounts(*database);
  CHECK(accounts.authenticate("admin", "one")->role == Role::admin);
  CHECK(accounts.authenticate("admin", "one"));
  CHECK_FALSE(accounts.authenticate("admin", "two"));
  CHECK_FALSE(accounts.authenticate("nobody", "one"));
  // A new password ends the old one at once, remembered or not.
  CHECK_FALSE(set("two"));
  CHECK_FALSE(accounts.authenticate("admin", "one"));
  CHECK(accounts.authenticate("admin", "two"));
}
