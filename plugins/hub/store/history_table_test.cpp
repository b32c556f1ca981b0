// Tests of the history of nodes, and of how many were ready.
#include "store/history_table.hpp"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "store/test_database.hpp"

using namespace jetpack::hub;

TEST_CASE("changes of phases and conditions are kept, however they are written") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  const auto condition = [&](const std::string& id, const std::string& status) {
    apply(*database, account,
          {message_of(id, "condition",
                      R"({"name":"gpu","message":"hot","status":")" + status + "\"}")});
  };
  condition("1", "Warning");
  condition("2", "Warning");
  condition("3", "OK");
  apply(*database, account, {message_of("4", "condition", R"({"name":"ib","status":"OK"})")});
  Texts seen;
  database->read("t", [&](SqlSession& session) {
    for (const auto& change : node_history(session, "c", "n", 10))
      seen.push_back(change.what + " " + change.name + " " + change.status + " " + change.message);
    CHECK(node_history(session, "c", "n", 1).size() == 1);
  });
  std::sort(seen.begin(), seen.end());
  CHECK(seen == Texts{"condition gpu OK hot", "condition gpu Warning hot", "phase  Installing "});
  database->write("t", [&](Transaction& transaction) { remove_node(transaction, "c", "n"); });
  database->read("t",
                 [&](SqlSession& session) { CHECK(node_history(session, "c", "n", 10).empty()); });
}

TEST_CASE("the number of ready nodes is noted when it changes") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  const auto note = [&](int64_t now) {
    database->write("t", [&](Transaction& transaction) { note_ready(transaction, now); });
  };
  note(1);
  apply(*database, account, {message_of("1", "installation", R"({"status":"ok"})")});
  note(2);
  note(3);
  apply(*database, account, {message_of("2", "installation", R"({"status":"error"})")});
  note(4);
  database->read("t", [&](SqlSession& session) {
    const auto points = ready_history(session, "c", 3);
    REQUIRE(points.size() == 2);
    CHECK(points[0].time == 2);
    CHECK(points[0].nodes == 1);
    CHECK(points[1].time == 4);
    CHECK(points[1].nodes == 0);
  });
}

TEST_CASE("the cores of ready nodes are noted where each of them said how many it has") {
  TestDatabase database;
  const Account one = enrolled(*database, "c", "n"), other = enrolled(*database, "c", "m");
  int64_t now = 0;
  const auto noted = [&] {
    ++now;
    database->write("t", [&](Transaction& transaction) { note_ready(transaction, now); });
    return database->read("t", [](SqlSession& session) {
      const auto points = ready_history(session, "c", 0);
      return points.empty() ? std::nullopt : points.back().cores;
    });
  };
  const auto say = [&](const Account& account, const std::string& type, const std::string& data) {
    apply(*database, account, {message_of(std::to_string(++now), type, data)});
  };
  say(one, "installation", R"({"status":"ok"})");
  CHECK(noted() == std::nullopt);
  say(one, "properties", R"({"properties":{"cores":120,"text":"a\u0000b\ud800"}})");
  CHECK(noted() == 120);
  say(other, "properties", R"({"properties":{"cores":44}})");
  CHECK(noted() == 120);
  say(other, "installation", R"({"status":"ok"})");
  CHECK(noted() == 164);
  for (const char* wrong : {R"("many")", "{}", "-1", "0", "1e300", "null", "1000001", R"("44 ")"}) {
    CAPTURE(wrong);
    say(other, "properties", std::string(R"({"properties":{"cores":)") + wrong + "}}");
    CHECK(noted() == std::nullopt);
    say(other, "properties", R"({"properties":{"cores":44}})");
    CHECK(noted() == 164);
  }
  say(one, "installation", R"({"status":"error"})");
  CHECK(noted() == 44);
  say(other, "installation", R"({"status":"error"})");
  CHECK(noted() == 0);
}

TEST_CASE("events are found by level, text and time, and those of low priority are counted") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  Message error = log_message("1", "GPU 100% lost");
  error.log->level = "error";
  apply(*database, account,
        {error, log_message("2", "fine"), log_message("3", "x", Priority::low)});
  const auto found = [&](const EventFilter& filter) {
    return database->read("t", [&](SqlSession& session) {
      return texts(list_events(session, "c", "", Priority::medium, {}, filter));
    });
  };
  CHECK(found({"warn", "", 0}) == Texts{"GPU 100% lost"});
  CHECK(found({"", "gpu 100%", 0}) == Texts{"GPU 100% lost"});
  CHECK(found({"", "gpu_", 0}).empty());
  CHECK(found({"", "", 1}) == Texts{"GPU 100% lost", "fine"});
  CHECK(found({"", "", INT64_MAX}).empty());
  database->read("t", [&](SqlSession& session) {
    CHECK(count_low_events(session, "c", "n", 10) == 1);
    CHECK(count_low_events(session, "", "", 10) == 1);
  });
}
