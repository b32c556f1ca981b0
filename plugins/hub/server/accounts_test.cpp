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

TEST_CASE("an account is looked up again when any process has changed what it is made of") {
  TestDatabase database;
  const std::string record = hash_password("one");
  database->write("t", [&](Transaction& transaction) {
    enroll_node(transaction, {0, "c/n", Role::node, "c", "n", record}, "i");
  });
  Accounts accounts(*database);
  REQUIRE(accounts.authenticate("c/n", "one"));
  apply(*database, *accounts.authenticate("c/n", "one"), {log_message("0", "first contact")});
  const auto first = accounts.authenticate("c/n", "one");
  CHECK(first->revision > 0);
  CHECK_FALSE(first->is_scheduler);
  // A mere contact leaves it as it is.
  apply(*database, *first, {log_message("1", "x")});
  CHECK(accounts.authenticate("c/n", "one")->revision == first->revision);
  const auto revised_by = [&](const std::string& sql) {
    const int64_t before = accounts.authenticate("c/n", "one")->revision;
    database->write("t", [&](Transaction& transaction) { execute(transaction.session(), sql); });
    return database->revision() != before;
  };
  for (const char* sql :
       {"UPDATE nodes SET scheduler = 1", "UPDATE nodes SET configuration = '{\"a\":1}'",
        "UPDATE nodes SET template = 't'", "UPDATE nodes SET phase = 'Preparing'",
        "UPDATE nodes SET instance_id = 'j'", "UPDATE nodearrays SET definition = '{\"a\":1}'",
        "UPDATE nodearrays SET scheduler = 1", "UPDATE clusters SET configuration = '{}'",
        "INSERT INTO users VALUES ('c', 'u', '', 1, 0, 0, '[]')", "UPDATE users SET uid = 2",
        "DELETE FROM users", "DELETE FROM nodearrays", "DELETE FROM clusters",
        "UPDATE accounts SET cluster = 'd'", "DELETE FROM nodes"}) {
    CAPTURE(std::string(sql));
    CHECK(revised_by(sql));
  }
  CHECK_FALSE(revised_by("UPDATE nodes SET last_contact = 5"));
  CHECK(accounts.authenticate("c/n", "one")->cluster == "d");
  CHECK(revised_by("DELETE FROM accounts"));
  CHECK_FALSE(accounts.authenticate("c/n", "one"));
}
