// Tests of nodes, conditions, targets, operations and users.
#include "store/node_table.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "common/text.hpp"
#include "store/condition_table.hpp"
#include "store/operation_table.hpp"
#include "store/session_table.hpp"
#include "store/test_database.hpp"
#include "store/user_table.hpp"
#include "store/userdata_id.hpp"

using namespace jetpack::hub;

TEST_CASE("messages update their node") {
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

TEST_CASE("phases follow the installation and requested operations") {
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

TEST_CASE("who asked for an end is kept until another end is requested or the node is new") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  apply(*database, account, {log_message("a", "x")});
  const auto act = [&](const std::string& action, const std::string& by, const std::string& why) {
    database->write("t", [&](Transaction& transaction) {
      const auto selected = select_nodes(transaction.session(), "c", {{"n"}, {}, {}, {}, {}});
      Operation operation;
      operation.cluster = "c";
      operation.action = action;
      operation.account = by;
      operation.reason = why;
      operate(transaction, operation, selected);
    });
    return node_of(*database, account);
  };
  CHECK(act("terminate", "c/n", "unhealthy").status_message ==
        "terminate requested by c/n: unhealthy");
  CHECK(act("terminate", "ops", "").status_message == "terminate requested by c/n: unhealthy");
  CHECK(act("deallocate", "ops", "").status_message == "deallocate requested by ops");
  CHECK(node_of(*database, account)
            .last_request.starts_with(R"({"action":"deallocate","by":"ops","reason":"","time":")"));
  database->write(
      "t", [&](Transaction& transaction) { finish_stopping(transaction, now_ms() + 1, now_ms()); });
  CHECK(node_of(*database, account).status_message == "deallocate requested by ops");
  apply(*database, account, {log_message("b", "y")});
  CHECK(node_of(*database, account).phase == phase::installing);
  CHECK(node_of(*database, account).status_message.empty());
  enrolled(*database, "c", "n");
  CHECK(node_of(*database, account).last_request.empty());
}

TEST_CASE("a condition replaces the one of the same name") {
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

TEST_CASE("demand is merged, replaced and expires") {
  TestDatabase database;
  Account account = enrolled(*database, "c", "n");
  account.is_scheduler = true;
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
  Account account = enrolled(*database, "c", "n");
  account.is_scheduler = true;
  apply(*database, account,
        {message_of("1", "autoscale",
                    R"({"definitions":[{"Name":"execute","TargetGroupCount":3,)"
                    R"("GroupCoreCount":64}]})")});
  const auto found = arrays(*database, now_ms());
  REQUIRE(found.size() == 2);
  CHECK(found[1].name == "execute:64");
  CHECK(found[1].core_count == 192);
}

TEST_CASE("a response is stored for its key") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  database->write("t", [&](Transaction& transaction) {
    store_response(transaction.session(), account, "k", {202, "{}", "digest"});
  });
  database->read("t", [&](SqlSession& session) {
    CHECK(find_response(session, account, "k")->status == 202);
    CHECK(find_response(session, account, "k")->request == "digest");
    CHECK_FALSE(find_response(session, account, "other"));
    CHECK_FALSE(find_response(session, {account.id + 1, "", Role::node, "", "", ""}, "k"));
  });
}

TEST_CASE("a session ends at its time, with its account, and with a new password") {
  TestDatabase database;
  const auto whose = [&](const char* token, int64_t now) {
    return database->read("t", [&](SqlSession& session) {
      const auto account = find_session(session, token, now);
      return account ? account->name : "";
    });
  };
  const auto begin = [&](const char* token) {
    database->write("t", [&](Transaction& transaction) {
      const auto account = find_account(transaction.session(), "ann");
      put_session(transaction.session(), token, *account, 100, 1);
    });
  };
  const auto set_password = [&](const char* record, Role role) {
    database->write("t", [&](Transaction& transaction) {
      put_account(transaction.session(), {0, "ann", role, "", "", record});
    });
  };
  set_password("one", Role::viewer);
  begin("t1");
  begin("t2");
  CHECK(whose("t1", 99) == "ann");
  CHECK(whose("t1", 100).empty());
  CHECK(whose("t3", 1).empty());
  database->write("t",
                  [&](Transaction& transaction) { remove_session(transaction.session(), "t2"); });
  CHECK(whose("t1", 1) == "ann");
  CHECK(whose("t2", 1).empty());
  set_password("two", Role::admin);
  CHECK(whose("t1", 1).empty());
  CHECK(database->read(
      "t", [](SqlSession& session) { return find_account(session, "ann")->role == Role::admin; }));
  begin("t1");
  CHECK(database->write(
      "t", [](Transaction& transaction) { return remove_account(transaction.session(), "ann"); }));
  CHECK(whose("t1", 1).empty());
  set_password("three", Role::admin);
  CHECK(whose("t1", 1).empty());
}

TEST_CASE("a scheduler is one that is marked, or whose node array is") {
  TestDatabase database;
  const Account account = enrolled(*database, "c", "n");
  const auto is_scheduler = [&] {
    return database->read("t", [&](SqlSession& session) {
      const bool by_account = find_account(session, account.name)->is_scheduler;
      CHECK(is_scheduler_node(session, "c", "n") == by_account);
      return by_account;
    });
  };
  const auto change = [&](auto work) {
    database->write("t", [&](Transaction& transaction) { work(transaction); });
  };
  CHECK_FALSE(is_scheduler());
  change([](Transaction& t) { set_node_scheduler(t.session(), "c", "n", true); });
  CHECK(is_scheduler());
  change([](Transaction& t) { set_node_scheduler(t.session(), "c", "n", false); });
  CHECK_FALSE(is_scheduler());
  change([](Transaction& t) {
    put_nodearray(t, "c", "head", "{}", true);
    put_nodearray(t, "other", "n", "{}", true);
    set_node_template(t.session(), "c", "n", "execute");
  });
  CHECK_FALSE(is_scheduler());
  change([](Transaction& t) { set_node_template(t.session(), "c", "n", "head"); });
  CHECK(is_scheduler());
  // What a scheduler demands changes no marks.
  change([](Transaction& t) {
    ArrayChanges arrays(t);
    apply_autoscale(arrays, "c", {"standard", 1000, {{"head", 1, {}, false, "{}"}}}, 1);
    arrays.write();
  });
  CHECK(is_scheduler());
  change([](Transaction& t) { put_nodearray(t, "c", "head", "{}", false); });
  CHECK_FALSE(is_scheduler());
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

TEST_CASE("the id of a node's configuration") {
  CHECK(userdata_id("c", "n", "33F5F4B2-7ab3-42ca-8c05-fac922916434") ==
        "33f5f4b27ab342ca8c05fac922916434");
  CHECK(userdata_id("c", "n", "i-1") == userdata_id("c", "n", ""));
  CHECK(userdata_id("c", "n", "").size() == 32);
  CHECK(userdata_id("c", "m", "") != userdata_id("c", "n", ""));
}
