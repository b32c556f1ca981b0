// Tests of transactions, upgrades and addresses of databases.
#include "store/database.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "store/condition_table.hpp"
#include "store/test_database.hpp"
#include "store/userdata_id.hpp"
#include "support/testing/temporary_directory.hpp"

using namespace jetpack::hub;
namespace support = jetpack::support;

TEST_CASE("applied messages survive the connection") {
  const support::TemporaryDirectory directory;
  {
    Database database(sqlite_address(directory.file("hub.db")));
    apply(database, enrolled(database, "c", "n"), {log_message("a", "kept")});
  }
  Database database(sqlite_address(directory.file("hub.db")));
  CHECK(texts(events(database, "c")) == Texts{"kept"});
  const Account account =
      database.read("t", [](SqlSession& session) { return *find_account(session, "c/n"); });
  CHECK(apply(database, account, {log_message("a", "kept")}).empty());
}

TEST_CASE("a failed transaction leaves nothing, and the next one works") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  Delivery delivery{account, "", {log_message("a", "x")}, {}};
  CHECK_THROWS_AS(database->write("t",
                                  [&](Transaction& transaction) {
                                    apply_deliveries(transaction, {&delivery}, keep_all);
                                    throw std::runtime_error("no");
                                  }),
                  std::runtime_error);
  CHECK_THROWS_AS(
      database->write(
          "t", [&](Transaction& transaction) { execute(transaction.session(), "no SQL at all"); }),
      jetpack::Error);
  CHECK(texts(events(*database, "c")).empty());
  CHECK(apply(*database, account, {log_message("a", "y")}).size() == 1);
}

TEST_CASE("pages are notified of changes") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  Position told;
  database->on_commit([&](const Position& position) { told = position; });
  apply(*database, account, {log_message("1", "x")});
  const Position first = told;
  CHECK(first.message == 1);
  apply(*database, account, {log_message("2", "y")});
  CHECK(told.message == 2);
  CHECK(told.change == first.change);  // a mere contact is no news
  apply(*database, account, {message_of("3", "condition", R"({"name":"a","status":"OK"})")});
  const auto changes = database->read(
      "t", [&](SqlSession& session) { return changes_after(session, first.change, 10); });
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].what == "condition");
  CHECK(changes[0].node == "n");
}

TEST_CASE("a database of the first version is upgraded") {
  const support::TemporaryDirectory directory;
  {
    const auto session = open_session(sqlite_address(directory.file("hub.db")));
    for (const char* sql : {
             "CREATE TABLE hub_schema (version INTEGER NOT NULL)",
             "INSERT INTO hub_schema VALUES (1)",
             "CREATE TABLE clusters (name TEXT PRIMARY KEY)",
             "CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
             "admin INTEGER NOT NULL, cluster TEXT NOT NULL, node TEXT NOT NULL, "
             "password TEXT NOT NULL)",
             "CREATE TABLE nodes (cluster TEXT NOT NULL, name TEXT NOT NULL, "
             "instance_id TEXT NOT NULL, hostname TEXT NOT NULL, address TEXT NOT NULL, "
             "first_contact INTEGER NOT NULL, last_contact INTEGER NOT NULL, "
             "properties TEXT NOT NULL, PRIMARY KEY (cluster, name))",
             "CREATE TABLE messages (number INTEGER PRIMARY KEY AUTOINCREMENT, "
             "account INTEGER NOT NULL, id TEXT NOT NULL, cluster TEXT NOT NULL, "
             "node TEXT NOT NULL, instance_id TEXT NOT NULL, type TEXT NOT NULL, "
             "sent TEXT NOT NULL, received INTEGER NOT NULL, session TEXT NOT NULL, "
             "data TEXT NOT NULL, UNIQUE (account, id))",
             "CREATE TABLE events (id INTEGER PRIMARY KEY, cluster TEXT NOT NULL, "
             "node TEXT NOT NULL, level TEXT NOT NULL, priority INTEGER NOT NULL, "
             "text TEXT NOT NULL, extras TEXT NOT NULL, sent TEXT NOT NULL, "
             "received INTEGER NOT NULL)",
             "INSERT INTO clusters VALUES ('c')",
             "INSERT INTO accounts VALUES (7, 'c/n', 0, 'c', 'n', 'r')",
             "INSERT INTO nodes VALUES ('c', 'n', 'i', 'h', 'a', 1, 2, '{}')",
             "INSERT INTO messages VALUES (41, 7, 'x', 'c', 'n', 'i', 'log', '', 5, '', '{}')",
             "INSERT INTO events VALUES (41, 'c', 'n', 'info', 2, 'old', '{}', '', 5)",
         })
      execute(*session, sql);
  }
  Database database(sqlite_address(directory.file("hub.db")));
  const Account account =
      database.read("t", [](SqlSession& session) { return *find_account(session, "c/n"); });
  CHECK(apply(database, account, {log_message("x", "old"), log_message("y", "new")}) == Indexes{1});
  const auto page = events(database, "c");
  CHECK(texts(page) == Texts{"old", "new"});
  CHECK(page.items[1].id > 41);
  const Node node = node_of(database, account);
  CHECK(node.phase == phase::ready);
  CHECK(node.node_id.size() == 36);
  CHECK(node.userdata_id == userdata_id("c", "n", ""));
  CHECK(arrays(database, 0).at(0).name == "execute");
}

TEST_CASE("a database of a newer hub is left alone") {
  const support::TemporaryDirectory directory;
  {
    Database database(sqlite_address(directory.file("hub.db")));
    database.write("t", [](Transaction& transaction) {
      execute(transaction.session(), "UPDATE hub_schema SET version = 99");
    });
  }
  CHECK_THROWS_AS(Database(sqlite_address(directory.file("hub.db"))), jetpack::Error);
}

TEST_CASE("addresses of PostgreSQL") {
  const auto address =
      postgresql_address("postgresql://hub:p%27w%5C@db.example:5433/jet?sslmode=require");
  CHECK(address.shown == "postgresql://hub@db.example:5433/jet");
  CHECK(address.connection.find("password='p\\'w\\\\'") != std::string::npos);
  CHECK(address.connection.find("sslmode='require'") != std::string::npos);
  CHECK(address.port == 5433);
  for (const char* bad :
       {"", "mysql://h/d", "postgresql://h", "postgresql:///d", "postgresql://u:a%20b@h/d",
        "postgresql://h/d?passfile=/etc/shadow", "postgresql://h:99999/d"})
    CHECK_THROWS_AS(postgresql_address(bad), jetpack::Error);
}

TEST_CASE("an invalid database file is rejected") {
  const support::TemporaryDirectory directory;
  std::filesystem::create_directory(directory.file("hub.db"));
  CHECK_THROWS_AS(Database(sqlite_address(directory.file("hub.db"))), jetpack::Error);
}
