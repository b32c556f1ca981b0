// Tests of what is kept of the messages.
#include "store/retention.hpp"

#include <doctest/doctest.h>

#include "store/test_database.hpp"

using namespace jetpack::hub;

namespace {

Message sized(int number, size_t bytes) {
  Message message = log_message(std::to_string(number), std::to_string(number));
  message.data = "{\"x\":\"" + std::string(bytes, 'x') + "\"}";
  return message;
}

StorageQuotas quotas(uint64_t mib, uint64_t mib_per_node) {
  StorageQuotas quotas;
  quotas.messages_mib = mib;
  quotas.messages_mib_per_node = mib_per_node;
  return quotas;
}

int64_t count(TestDatabase& database, const Account& account, const char* sql) {
  return database->read("t", [&](SqlSession& session) {
    return select_one<int64_t>(session, sql, account.node).value_or(-1);
  });
}

int64_t kept(TestDatabase& database, const Account& account) {
  return count(database, account, "SELECT count(*) FROM messages WHERE node = $1");
}

// The totals are those of the messages that are there, and events are theirs.
void check_totals(TestDatabase& database) {
  using Amounts = Row<int64_t, int64_t>;
  database->read("t", [](SqlSession& session) {
    const auto is = select_one<Amounts>(
        session, "SELECT messages, bytes FROM message_totals WHERE of_account = 0");
    const auto sum = select_one<Amounts>(
        session,
        "SELECT CAST(sum(messages) AS BIGINT), CAST(sum(bytes) AS BIGINT) FROM message_totals "
        "WHERE of_account > 0");
    const auto found = select_one<Amounts>(
        session, "SELECT count(*), CAST(sum(512 + length(data)) AS BIGINT) FROM messages");
    CHECK(*is == *sum);
    CHECK(*is == *found);
    CHECK(select_one<int64_t>(session,
                              "SELECT count(*) FROM events WHERE NOT EXISTS (SELECT 1 FROM "
                              "messages WHERE number = events.id)") == 0);
  });
}

constexpr size_t large = 64 << 10;

}  // namespace

TEST_CASE("a node keeps its newest messages, up to its own quota") {
  TestDatabase database;
  const Account loud = enrolled(*database, "c", "loud"), quiet = enrolled(*database, "c", "quiet");
  const Retention keep(keep_all, quotas(1000, 1));
  apply(*database, quiet, {sized(0, 10)}, keep);
  for (int i = 0; i < 50; ++i) apply(*database, loud, {sized(i, large)}, keep);
  CHECK(kept(database, loud) < 17);
  CHECK(kept(database, loud) > 12);
  CHECK(kept(database, quiet) == 1);
  CHECK(texts(database->read("t", [](SqlSession& session) {
          return list_events(session, "", "", Priority::low, {});
        })).back() == "49");
  check_totals(database);
}

TEST_CASE("a node that sends the most cannot push out the messages of others") {
  TestDatabase database;
  const Account loud = enrolled(*database, "c", "loud");
  std::vector<Account> others;
  for (int i = 0; i < 5; ++i) others.push_back(enrolled(*database, "c", "n" + std::to_string(i)));
  SUBCASE("by bytes") {
    const Retention keep(keep_all, quotas(4, 1000));
    for (const auto& other : others) apply(*database, other, {sized(0, large)}, keep);
    for (int i = 0; i < 200; ++i) apply(*database, loud, {sized(i, large)}, keep);
    CHECK(kept(database, loud) < 64);
    CHECK(kept(database, loud) > 40);
  }
  SUBCASE("by number") {
    for (const auto& other : others) apply(*database, other, {sized(0, 10)}, 100);
    for (int i = 0; i < 500; ++i) apply(*database, loud, {sized(i, 10)}, 100);
    CHECK(kept(database, loud) <= 97);
    CHECK(kept(database, loud) >= 90);
  }
  for (const auto& other : others) CHECK(kept(database, other) == 1);
  check_totals(database);
}

TEST_CASE("among many nodes that send alike the oldest messages go") {
  TestDatabase database;
  std::vector<Account> nodes;
  for (int i = 0; i < 120; ++i) nodes.push_back(enrolled(*database, "c", "n" + std::to_string(i)));
  for (int round = 0; round < 5; ++round)
    for (const auto& node : nodes) apply(*database, node, {sized(round, 10)}, 240);
  for (const auto& node : nodes) CHECK(kept(database, node) <= 3);
  CHECK(kept(database, nodes.back()) >= 1);
  check_totals(database);
}

TEST_CASE("the hub's own events go with the messages of their time") {
  TestDatabase database;
  const Account node = enrolled(*database, "c", "n");
  for (int i = 0; i < 60; ++i) {
    database->write(
        "t", [&](Transaction& transaction) { add_event(transaction, "c", "n", "own", now_ms()); });
    apply(*database, node, {sized(i, 10)}, 20);
  }
  CHECK(count(database, node, "SELECT count(*) FROM events WHERE node = $1 AND text = 'own'") <=
        20);
}
