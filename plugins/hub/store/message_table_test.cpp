// Tests of storing and listing messages.
#include "store/message_table.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "store/intake.hpp"
#include "store/test_database.hpp"
#include "support/log_file.hpp"

using namespace jetpack::hub;
namespace support = jetpack::support;

TEST_CASE("a message is applied once for each account") {
  TestDatabase database;
  const Account one = enrolled(*database, "c", "n1"), two = enrolled(*database, "c", "n2");
  CHECK(apply(*database, one, {log_message("a", "first")}).size() == 1);
  CHECK(apply(*database, one, {log_message("a", "first"), log_message("b", "second")}) ==
        Indexes{1});
  // Another node cannot suppress a message by guessing its id.
  CHECK(apply(*database, two, {log_message("a", "other")}).size() == 1);
  CHECK(texts(events(*database, "")) == Texts{"first", "second", "other"});
  const auto messages = database->read("t", [](SqlSession& session) {
    return list_messages(session, {"c", "", "log", {}}, {});
  });
  CHECK(messages.items.size() == 3);
}

TEST_CASE("messages are listed by node, and of others only what everybody may see") {
  TestDatabase database;
  const Account one = enrolled(*database, "c", "n1"), two = enrolled(*database, "c", "n2");
  Message secret = log_message("a", "");
  secret.type = "properties";
  secret.log.reset();
  apply(*database, one, {secret, log_message("b", "hello")});
  apply(*database, two, {secret, log_message("b", "hello")});
  const auto count = [&](const MessageSelection& selection) {
    return database
        ->read("t", [&](SqlSession& session) { return list_messages(session, selection, {}); })
        .items.size();
  };
  CHECK(count({"c", "", "", ""}) == 4);
  CHECK(count({"c", "n1", "", ""}) == 2);
  CHECK(count({"c", "", "", "n1"}) == 3);
  CHECK(count({"c", "n2", "", "n1"}) == 1);
  CHECK(count({"c", "n2", "properties", "n1"}) == 0);
}

TEST_CASE("an instance is not taken away from the node that has it") {
  TestDatabase database;
  const Account one = enrolled(*database, "c", "n1"), two = enrolled(*database, "c", "n2");
  const auto instance_of = [&](const char* node) {
    return database->read(
        "t", [&](SqlSession& session) { return find_node(session, "c", node)->instance_id; });
  };
  const auto claim = [&](const Account& account, const char* id, const char* instance) {
    Message message = log_message(id, "hello");
    message.instance_id = instance;
    apply(*database, account, {message});
  };
  claim(one, "a", "vm-1");
  CHECK(instance_of("n1") == "vm-1");
  const std::string before = instance_of("n2");
  claim(two, "b", "vm-1");
  CHECK(instance_of("n2") == before);
  claim(two, "c", "vm-2");
  CHECK(instance_of("n2") == "vm-2");
  // An administrator says what is true.
  database->write("t", [&](Transaction& transaction) { enroll_node(transaction, two, "vm-1"); });
  CHECK(instance_of("n2") == "vm-1");
  CHECK(instance_of("n1").empty());
  claim(one, "d", "vm-1");
  CHECK(instance_of("n1").empty());
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

TEST_CASE("concurrent deliveries are stored once, in order, each with its own result") {
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

TEST_CASE("a delivery that cannot be stored does not affect others") {
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

TEST_CASE("the oldest messages are removed") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  for (const char* id : {"1", "2", "3", "4", "5"})
    apply(*database, account, {log_message(id, id)}, 3);
  CHECK(texts(events(*database, "")) == Texts{"3", "4", "5"});
}
