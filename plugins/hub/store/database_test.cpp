// Tests of the database, its tables and the accounts.
#include "store/database.hpp"

#include <atomic>
#include <cstdlib>
#include <thread>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "common/passwords.hpp"
#include "common/text.hpp"
#include "server/accounts.hpp"
#include "server/page_api.hpp"
#include "store/condition_table.hpp"
#include "store/intake.hpp"
#include "store/message_table.hpp"
#include "store/node_table.hpp"
#include "store/operation_table.hpp"
#include "store/reports.hpp"
#include "store/schema.hpp"
#include "store/target_table.hpp"
#include "store/user_table.hpp"
#include "store/userdata_id.hpp"
#include "support/log_file.hpp"
#include "support/testing/temporary_directory.hpp"

using namespace jetpack::hub;
namespace support = jetpack::support;

namespace {

constexpr int64_t keep_all = 1'000'000;

// A database of its own: SQLite or, when HUB_TEST_DATABASE is the URL of one that may be emptied,
// PostgreSQL.
class TestDatabase {
 public:
  Database& operator*() { return database_; }
  Database* operator->() { return &database_; }

 private:
  static DatabaseAddress emptied(const support::TemporaryDirectory& directory) {
    const char* url = std::getenv("HUB_TEST_DATABASE");
    if (url == nullptr) return sqlite_address(directory.file("hub.db"));
    const auto address = postgresql_address(url);
    const auto session = open_session(address);
    execute(*session, "DROP SCHEMA public CASCADE");
    execute(*session, "CREATE SCHEMA public");
    return address;
  }

  support::TemporaryDirectory directory_;
  Database database_{emptied(directory_)};
};

Account enrolled(Database& database, const std::string& cluster, const std::string& node) {
  return database.write("t", [&](Transaction& transaction) {
    enroll_node(transaction, {0, cluster + "/" + node, Role::node, cluster, node, "record"},
                "instance");
    return *find_account(transaction.session(), cluster + "/" + node);
  });
}

std::vector<size_t> apply(Database& database, const Account& account,
                          const std::vector<Message>& messages, int64_t keep = keep_all,
                          const std::string& address = {}) {
  Delivery delivery{account, address, messages, {}};
  database.write(
      "t", [&](Transaction& transaction) { apply_deliveries(transaction, {&delivery}, keep); });
  return delivery.fresh;
}

Node node_of(Database& database, const Account& account) {
  return database.read(
      "t", [&](SqlSession& session) { return *find_node(session, account.cluster, account.node); });
}

Page<Event> events(Database& database, const std::string& cluster, Priority least = Priority::low,
                   const Range& range = {}) {
  return database.read(
      "t", [&](SqlSession& session) { return list_events(session, cluster, "", least, range); });
}

std::vector<NodeArray> arrays(Database& database, int64_t now) {
  return database.read("t",
                       [&](SqlSession& session) { return list_nodearrays(session, "c", now); });
}

Message message_of(const std::string& id, const std::string& type, const std::string& data) {
  return parse_messages("{\"messages\":[{\"id\":\"" + id + "\",\"cluster_name\":\"c\",\"type\":\"" +
                        type + "\",\"data\":" + data + "}]}")
      .at(0);
}

Message log_message(const std::string& id, const std::string& text,
                    Priority priority = Priority::medium) {
  Message message;
  message.id = id;
  message.type = "log";
  message.data = "{}";
  message.log = LogEntry{"info", priority, text, "{}"};
  return message;
}

std::vector<std::string> texts(const Page<Event>& page) {
  std::vector<std::string> all;
  for (const auto& event : page.items) all.push_back(event.text);
  return all;
}

using Texts = std::vector<std::string>;
using Indexes = std::vector<size_t>;

}  // namespace

TEST_CASE("a message is applied once for each account") {
  TestDatabase database;
  const Account one = enrolled(*database, "c", "n1"), two = enrolled(*database, "c", "n2");
  CHECK(apply(*database, one, {log_message("a", "first")}).size() == 1);
  CHECK(apply(*database, one, {log_message("a", "first"), log_message("b", "second")}) ==
        Indexes{1});
  // Another node cannot suppress a message by guessing its id.
  CHECK(apply(*database, two, {log_message("a", "other")}).size() == 1);
  CHECK(texts(events(*database, "")) == Texts{"first", "second", "other"});
  const auto messages = database->read(
      "t", [](SqlSession& session) { return list_messages(session, "c", "log", {}); });
  CHECK(messages.items.size() == 3);
}

TEST_CASE("the same id twice in one batch") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  CHECK(apply(*database, account, {log_message("a", "1"), log_message("a", "2")}) == Indexes{0});
}

TEST_CASE("a batch larger than one statement keeps its order") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  std::vector<Message> batch;
  Texts expected;
  for (int i = 0; i < 1000; ++i) {
    expected.push_back(std::to_string(i));
    batch.push_back(log_message(expected.back(), expected.back()));
  }
  CHECK(apply(*database, account, batch).size() == 1000);
  CHECK(texts(events(*database, "c", Priority::low, {0, {}, 2000})) == expected);
  CHECK(apply(*database, account, batch).empty());
}

TEST_CASE("what was applied outlives the connection") {
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

TEST_CASE("a transaction that fails leaves nothing, and the next one works") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  Delivery delivery{account, "", {log_message("a", "x")}, {}};
  CHECK_THROWS_AS(database->write("t",
                                  [&](Transaction& transaction) {
                                    apply_deliveries(transaction, {&delivery}, keep_all);
                                    throw HttpError(400, "no");
                                  }),
                  HttpError);
  CHECK_THROWS_AS(
      database->write(
          "t", [&](Transaction& transaction) { execute(transaction.session(), "no SQL at all"); }),
      jetpack::Error);
  CHECK(texts(events(*database, "c")).empty());
  CHECK(apply(*database, account, {log_message("a", "y")}).size() == 1);
}

TEST_CASE("ranges") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  std::vector<Message> batch;
  for (const char* text : {"1", "2", "3", "4", "5"}) batch.push_back(log_message(text, text));
  batch[1].log->priority = Priority::low;
  apply(*database, account, batch);
  const auto part = [&](Priority least, std::optional<int64_t> after, std::optional<int64_t> before,
                        int64_t limit) {
    return events(*database, "c", least, {after, before, limit});
  };
  CHECK(texts(part(Priority::low, {}, {}, 2)) == Texts{"4", "5"});
  CHECK(part(Priority::low, {}, {}, 2).more);
  CHECK(texts(part(Priority::low, {}, 4, 10)) == Texts{"1", "2", "3"});
  CHECK_FALSE(part(Priority::low, {}, 4, 10).more);
  CHECK(texts(part(Priority::low, 1, {}, 2)) == Texts{"2", "3"});
  CHECK(texts(part(Priority::medium, 0, {}, 10)) == Texts{"1", "3", "4", "5"});
  CHECK(texts(part(Priority::high, 0, {}, 10)).empty());
  CHECK(texts(events(*database, "other")).empty());
  const auto cut = events(*database, "c", Priority::low, {0, {}, 10, 600});
  CHECK(texts(cut) == Texts{"1", "2"});
  CHECK(cut.more);
}

TEST_CASE("a node is known by what it says") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  CHECK(node_of(*database, account).last_contact == 0);
  CHECK(node_of(*database, account).phase == phase::preparing);
  Message message = log_message("a", "x");
  message.hostname = "host";
  message.instance_id = "i-2";
  message.properties = R"({"p":{"q":1}})";
  apply(*database, account, {message}, keep_all, "10.1.2.3");
  apply(*database, account, {log_message("b", "y")}, keep_all, "10.1.2.4");
  const Node node = node_of(*database, account);
  CHECK(node.hostname == "host");
  CHECK(node.instance_id == "i-2");
  CHECK(node.address == "10.1.2.4");
  CHECK(node.properties == R"({"p":{"q":1}})");
  CHECK(node.first_contact > 0);
  CHECK(node.last_contact >= node.first_contact);
  CHECK(node.phase == phase::installing);
}

TEST_CASE("phases follow the installation, and the end that was asked for") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  const auto say = [&](const std::string& id, const std::string& status) {
    apply(*database, account, {message_of(id, "installation", R"({"status":")" + status + "\"}")});
    return node_of(*database, account).phase;
  };
  CHECK(say("1", "running") == phase::installing);
  CHECK(say("2", "error") == phase::failed);
  CHECK(say("3", "ok") == phase::ready);
  const auto act = [&](const std::string& action) {
    database->write("t", [&](Transaction& transaction) {
      const auto selected = select_nodes(transaction.session(), "c", {{"n"}, {}, {}, {}, {}});
      Operation operation;
      operation.cluster = "c";
      operation.action = action;
      operate(transaction, operation, selected);
    });
    return node_of(*database, account).phase;
  };
  const auto fall_silent = [&] {
    database->write("t", [&](Transaction& transaction) {
      finish_stopping(transaction, now_ms() + 1, now_ms());
    });
    return node_of(*database, account).phase;
  };
  CHECK(act("deallocate") == phase::stopping);
  CHECK(say("4", "ok") == phase::stopping);
  CHECK(fall_silent() == phase::off);
  CHECK(act("start") == phase::preparing);
  CHECK(say("5", "ok") == phase::ready);
  CHECK(act("terminate") == phase::stopping);
  CHECK(fall_silent() == phase::terminated);
  CHECK(enrolled(*database, "c", "n").id == account.id);
  CHECK(node_of(*database, account).phase == phase::preparing);
}

TEST_CASE("conditions stand once for each name") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  apply(*database, account,
        {message_of("1", "condition", R"({"name":"gpu","status":"Error","details":"long"})"),
         message_of("2", "condition", R"({"name":"disk","status":"Warning"})"),
         message_of("3", "condition", R"({"name":"gpu","status":"OK"})")});
  const auto all = database->read("t", [](SqlSession& session) {
    return list_conditions(session, {"c", "n", "n", true});
  });
  REQUIRE(all.size() == 2);
  CHECK(all[0].condition.name == "disk");
  CHECK(all[1].condition.status == "OK");
  CHECK(all[1].condition.details.empty());
}

TEST_CASE("demand is merged, replaced, expires") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  const auto demand = [&](const std::string& id, const std::string& definitions) {
    apply(*database, account,
          {message_of(id, "autoscale",
                      R"({"expiration_interval":60,"definitions":[)" + definitions + "]}")});
  };
  demand("1", R"({"Name":"execute","TargetCoreCount":64},{"Name":"x","TargetCount":2,"A":1})");
  demand("2", R"({"Name":"execute","TargetCoreCount":32,"B":{"C":1}})");
  auto found = arrays(*database, now_ms());
  REQUIRE(found.size() == 2);
  CHECK(found[0].core_count == 32);
  CHECK_FALSE(found[0].count);
  CHECK_FALSE(found[0].dynamic);
  CHECK(found[0].definition == R"({"Name":"execute","TargetCoreCount":32,"B":{"C":1}})");
  CHECK(found[1].count == 0);
  CHECK(found[1].removal);
  // Long after.
  found = arrays(*database, now_ms() + 61'000);
  CHECK(found[0].core_count == 0);
  database->write(
      "t", [&](Transaction& transaction) { expire_targets(transaction, now_ms() + 61'000); });
  const auto history =
      database->read("t", [](SqlSession& session) { return target_history(session, "c", 0); });
  std::vector<int64_t> cores;
  for (const auto& point : history)
    if (point.nodearray == "execute") cores.push_back(*point.core_count);
  CHECK(cores == std::vector<int64_t>{64, 32, 0});
  const auto before = database->read(
      "t", [](SqlSession& session) { return target_history(session, "c", now_ms() + 90'000); });
  CHECK(before.size() == 2);  // what held at the beginning of the time that was asked for
}

TEST_CASE("groups become an array of their own") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  apply(*database, account,
        {message_of("1", "autoscale",
                    R"({"definitions":[{"Name":"execute","TargetGroupCount":3,)"
                    R"("GroupCoreCount":64}]})")});
  const auto found = arrays(*database, now_ms());
  REQUIRE(found.size() == 2);
  CHECK(found[1].name == "execute:64");
  CHECK(found[1].core_count == 192);
}

TEST_CASE("an answer is kept for its key") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  database->write("t", [&](Transaction& transaction) {
    store_response(transaction.session(), account, "k", {202, "{}"});
  });
  database->read("t", [&](SqlSession& session) {
    CHECK(find_response(session, account, "k")->status == 202);
    CHECK_FALSE(find_response(session, account, "other"));
    CHECK_FALSE(find_response(session, {account.id + 1, "", Role::node, "", "", ""}, "k"));
  });
}

TEST_CASE("pages are told what changed") {
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

TEST_CASE("what many bring at once is stored once, in order, and each learns its part") {
  TestDatabase database;
  support::LogFile log("/dev/null");
  Intake intake(*database, log, keep_all);
  std::vector<Account> accounts;
  for (int i = 0; i < 8; ++i) accounts.push_back(enrolled(*database, "c", "n" + std::to_string(i)));
  std::vector<std::thread> senders;
  std::atomic<size_t> fresh = 0;
  for (const auto& account : accounts)
    senders.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(i / 2);  // each is sent twice
        Delivery delivery{account, "", {log_message(id, account.node + " " + id)}, {}};
        intake.store(delivery);
        fresh += delivery.fresh.size();
      }
    });
  for (auto& sender : senders) sender.join();
  CHECK(fresh == 80);
  for (const auto& account : accounts) {
    const auto page = database->read("t", [&](SqlSession& session) {
      return list_events(session, "c", account.node, Priority::low, {});
    });
    Texts expected;
    for (int i = 0; i < 10; ++i) expected.push_back(account.node + " " + std::to_string(i));
    CHECK(texts(page) == expected);
  }
}

TEST_CASE("one delivery that cannot be stored spoils no other") {
  TestDatabase database;
  support::LogFile log("/dev/null");
  Intake intake(*database, log, keep_all);
  const Account account = enrolled(*database, "c", "n");
  Delivery good{account, "", {log_message("a", "good")}, {}};
  Delivery bad{account, "", {log_message("b", "bad")}, {}};
  database->write("t", [](Transaction& transaction) {
    // As a database would refuse what it cannot hold.
    execute(transaction.session(), "CREATE UNIQUE INDEX one ON events (text, level)");
  });
  intake.store(good);
  bad.messages[0].log->text = "good";
  CHECK_THROWS_AS(intake.store(bad), jetpack::Error);
  Delivery next{account, "", {log_message("c", "next")}, {}};
  intake.store(next);
  CHECK(texts(events(*database, "c")) == Texts{"good", "next"});
}

TEST_CASE("the oldest messages go") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  for (const char* id : {"1", "2", "3", "4", "5"})
    apply(*database, account, {log_message(id, id)}, 3);
  CHECK(texts(events(*database, "")) == Texts{"3", "4", "5"});
}

TEST_CASE("users") {
  TestDatabase database;
  database->write("t", [](Transaction& transaction) {
    SqlSession& session = transaction.session();
    CHECK(put_user(session, "c", {"ann", "Ann", 20'000, true, false, "[]"}));
    CHECK_FALSE(put_user(session, "c", {"ann", "Ann B", 20'000, true, true, R"(["key"])"}));
    CHECK(free_uid(session, "c") == 20'001);
    CHECK(list_users(session, "c").at(0).public_keys == R"(["key"])");
    CHECK(remove_user(session, "c", "ann"));
    CHECK_FALSE(remove_user(session, "c", "ann"));
  });
}

TEST_CASE("a database of the first version is brought up to date") {
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

TEST_CASE("the id of a node's configuration") {
  CHECK(userdata_id("c", "n", "33F5F4B2-7ab3-42ca-8c05-fac922916434") ==
        "33f5f4b27ab342ca8c05fac922916434");
  CHECK(userdata_id("c", "n", "i-1") == userdata_id("c", "n", ""));
  CHECK(userdata_id("c", "n", "").size() == 32);
  CHECK(userdata_id("c", "m", "") != userdata_id("c", "n", ""));
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

TEST_CASE("what is no database is refused") {
  const support::TemporaryDirectory directory;
  std::filesystem::create_directory(directory.file("hub.db"));
  CHECK_THROWS_AS(Database(sqlite_address(directory.file("hub.db"))), jetpack::Error);
}
