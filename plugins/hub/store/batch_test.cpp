// Tests of what one batch changes: written together, in the order of its messages.
#include "store/batch.hpp"

#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "store/condition_table.hpp"
#include "store/history_table.hpp"
#include "store/test_database.hpp"

using namespace jetpack::hub;

namespace {

Message condition(const std::string& id, const std::string& name, const std::string& status) {
  return message_of(id, "condition", R"({"name":")" + name + R"(","status":")" + status + "\"}");
}

std::vector<StoredCondition> conditions(Database& database) {
  return database.read("t", [](SqlSession& session) {
    return list_conditions(session, {"c", "", "", true});
  });
}

}  // namespace

TEST_CASE("each change of a condition within a batch is in the history, in order") {
  TestDatabase database;
  const Account one = enrolled(*database, "c", "n1"), two = enrolled(*database, "c", "n2");
  Delivery first{one,
                 "",
                 {condition("1", "gpu", "Error"), condition("2", "gpu", "Error"),
                  condition("3", "gpu", "OK"), condition("4", "disk", "OK")},
                 {}};
  Delivery second{two, "", {condition("1", "gpu", "Warning")}, {}};
  Delivery third{one, "", {condition("5", "gpu", "Warning")}, {}};
  database->write("t", [&](Transaction& transaction) {
    apply_deliveries(transaction, {&first, &second, &third}, keep_all);
  });
  const auto all = conditions(*database);
  REQUIRE(all.size() == 3);
  CHECK(all[1].condition.status == "Warning");
  const auto changes = database->read(
      "t", [](SqlSession& session) { return node_history(session, "c", "n1", 100); });
  Texts statuses;
  for (const auto& change : changes)
    if (change.name == "gpu") statuses.push_back(change.status);
  CHECK(statuses == Texts{"Error", "OK", "Warning"});
}

TEST_CASE("a condition keeps the time since when it has its status") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  const auto report = [&](const char* status, int64_t now) {
    const Condition reported = condition("1", "gpu", status).condition.value();
    database->write("t", [&](Transaction& transaction) {
      put_conditions(transaction, {{account.cluster, account.node, reported}}, now);
    });
    return conditions(*database).at(0);
  };
  CHECK(report("Error", 10).since == 10);
  CHECK(report("Error", 20).since == 10);
  CHECK(report("Error", 20).updated == 20);
  CHECK(report("OK", 30).since == 30);
}

TEST_CASE("a node's conditions are limited: those not reported for the longest time go") {
  TestDatabase database;
  const Account one = enrolled(*database, "c", "n1"), two = enrolled(*database, "c", "n2");
  const auto report = [&](const Account& account, int first, int last, int64_t now) {
    std::vector<Message> messages;
    for (int i = first; i < last; ++i)
      messages.push_back(condition(std::to_string(i), "c" + std::to_string(1000 + i), "OK"));
    std::vector<ReportedCondition> reports;
    for (const auto& message : messages)
      reports.push_back({account.cluster, account.node, *message.condition});
    database->write("t",
                    [&](Transaction& transaction) { put_conditions(transaction, reports, now); });
  };
  report(two, 0, 5, 1);
  report(one, 0, 256, 1);
  report(one, 300, 310, 2);
  report(one, 0, 5, 3);
  size_t newer = 0, all = 0;
  for (const auto& stored : conditions(*database)) {
    if (stored.node != "n1") continue;
    ++all;
    if (stored.updated > 1) ++newer;
  }
  CHECK(all == 256);
  CHECK(newer == 15);
  CHECK(conditions(*database).size() == 261);
}

TEST_CASE("all targets of a batch are points of the chart, in order") {
  TestDatabase database;
  Account account = enrolled(*database, "c", "n");
  account.is_scheduler = true;
  std::vector<Message> messages;
  std::vector<int64_t> expected;
  for (int i = 1; i <= 20; ++i) {
    expected.push_back(i);
    messages.push_back(message_of(
        std::to_string(i), "autoscale",
        R"({"definitions":[{"Name":"execute","TargetCount":)" + std::to_string(i) + "}]}"));
  }
  apply(*database, account, messages);
  const auto points =
      database->read("t", [](SqlSession& session) { return target_history(session, "c", 0); });
  std::vector<int64_t> counts;
  for (const auto& point : points) counts.push_back(point.count.value_or(-1));
  CHECK(counts == expected);
  CHECK(arrays(*database, now_ms()).at(0).count == 20);
}

TEST_CASE("rows keep every character and every number") {
  TestDatabase database;
  const Texts texts = {"",
                       "NULL",
                       "null",
                       "{}",
                       R"({"a":["b\\c","\n"]})",
                       "a, b",
                       " spaces ",
                       "tab\tline\nend",
                       "\\",
                       "\"",
                       "it's $1",
                       "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"};
  constexpr int64_t least = std::numeric_limits<int64_t>::min();
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  database->write("t", [&](Transaction& transaction) {
    execute(transaction.session(), "CREATE TABLE kept (number BIGINT, text TEXT, other BIGINT)");
    RowWriter rows(transaction, "INSERT INTO kept (number, text, other)");
    for (size_t i = 0; i < texts.size(); ++i) rows.add(i, texts[i], i % 2 == 0 ? least : most);
    rows.finish();
    rows.finish();
  });
  const auto read = database->read("t", [](SqlSession& session) {
    return select<Row<int64_t, std::string, int64_t>>(
        session, "SELECT number, text, other FROM kept ORDER BY number");
  });
  REQUIRE(read.size() == texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    CHECK(read[i].get<0>() == static_cast<int64_t>(i));
    CHECK(read[i].get<1>() == texts[i]);
    CHECK(read[i].get<2>() == (i % 2 == 0 ? least : most));
  }
}

TEST_CASE("rows are selected by keys, more than one statement holds, and by none") {
  TestDatabase database;
  std::vector<NodeName> names;
  for (int i = 0; i < 200; ++i) names.emplace_back("c", "n" + std::to_string(i));
  for (int i = 0; i < 200; i += 2) enrolled(*database, "c", names[static_cast<size_t>(i)].second);
  const auto found = [&](const std::vector<NodeName>& keys) {
    return database->read("t", [&](SqlSession& session) { return find_nodes(session, keys); })
        .size();
  };
  CHECK(found(names) == 100);
  CHECK(found({{"c", "n2"}, {"d", "n2"}, {"c", "n3"}}) == 1);
  CHECK(found({}) == 0);
}

TEST_CASE("more nodes than one statement holds are updated, each with its own values") {
  TestDatabase database;
  constexpr int nodes = 150;
  std::vector<Delivery> deliveries;
  for (int i = 0; i < nodes; ++i) {
    const std::string number = std::to_string(i);
    Message message = message_of(number, "properties", R"({"properties":{"n":)" + number + "}}");
    message.hostname = "host-" + number;
    deliveries.push_back({enrolled(*database, "c", "n" + number), "", {message}, {}});
  }
  std::vector<Delivery*> batch;
  for (auto& delivery : deliveries) batch.push_back(&delivery);
  database->write(
      "t", [&](Transaction& transaction) { apply_deliveries(transaction, batch, keep_all); });
  for (int i = 0; i < nodes; ++i) {
    const Node node = node_of(*database, deliveries[static_cast<size_t>(i)].account);
    CHECK(node.hostname == "host-" + std::to_string(i));
    CHECK(node.properties == "{\"n\":" + std::to_string(i) + "}");
    CHECK(node.phase == phase::installing);
    CHECK_FALSE(node.node_id.empty());
  }
}
