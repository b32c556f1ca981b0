// Tests of contacts: who falls silent, who is back, and what that does to a node's state.
#include "store/contact_table.hpp"

#include <map>
#include <string>

#include <doctest/doctest.h>

#include "common/text.hpp"
#include "store/operation_table.hpp"
#include "store/test_database.hpp"

using namespace jetpack::hub;

namespace {

constexpr int64_t poll = 60'000;
constexpr int64_t start = 1'000'000'000'000;

// A database with the node "n" of cluster "c".
class OneNode {
 public:
  OneNode() {
    account_ = enrolled(*database_, "c", "n");
    become(phase::preparing, start);
  }

  void hear(int64_t time, int64_t poll_ms = poll, int64_t booted = 0) {
    database_->write("t", [&](Transaction& transaction) {
      store_contacts(transaction, {{"c", "n", time, {poll_ms, booted}}}, time);
    });
  }
  // Whether anything is due, and then marks it.
  bool look(int64_t now, int64_t listening_since = 0) {
    const bool is_due = database_->read(
        "t", [&](SqlSession& session) { return is_any_silent(session, listening_since, now); });
    database_->write(
        "t", [&](Transaction& transaction) { mark_silent(transaction, listening_since, now); });
    return is_due;
  }
  std::string state() {
    return database_->read("t", [&](SqlSession& session) {
      return state_of(*find_node(session, "c", "n"), contacts_between(session, "c")["n"]);
    });
  }
  std::map<std::string, int64_t> states() {
    std::map<std::string, int64_t> all;
    for (const auto& count :
         database_->read("t", [&](SqlSession& session) { return count_states(session, "c"); }))
      all[count.of] = count.count;
    return all;
  }
  void become(const std::string& phase, int64_t since) {
    database_->write("t", [&](Transaction& transaction) {
      execute(transaction.session(), "UPDATE nodes SET phase = $1, phase_since = $2", phase, since);
    });
  }
  Texts texts_of_events() { return texts(events(*database_, "c")); }
  Database& database() { return *database_; }

 private:
  TestDatabase database_;
  Account account_;
};

}  // namespace

TEST_CASE("a node that misses three polls is silent, and back with the next contact") {
  OneNode cluster;
  cluster.hear(start);
  CHECK(cluster.state() == phase::installing);
  cluster.become(phase::ready, start);
  CHECK_FALSE(cluster.look(start + 3 * poll));
  CHECK(cluster.state() == phase::ready);
  CHECK(cluster.look(start + 4 * poll));
  CHECK(cluster.state() == state::silent);
  CHECK(cluster.states() == std::map<std::string, int64_t>{{"Silent", 1}});
  CHECK_FALSE(cluster.look(start + 5 * poll));
  cluster.hear(start + 20 * poll);
  CHECK(cluster.state() == phase::ready);
  CHECK(cluster.states() == std::map<std::string, int64_t>{{"Ready", 1}});
  CHECK(cluster.texts_of_events() ==
        Texts{"silent: missed three polls, one every 60 s", "in contact again after 20 min"});
}

TEST_CASE("a node that does not say how often it polls has longer") {
  OneNode cluster;
  cluster.hear(start, 0);
  CHECK_FALSE(cluster.look(start + patience_without_polls));
  CHECK(cluster.look(start + patience_without_polls + 1));
  CHECK(cluster.state() == state::silent);
  cluster.hear(start + 2 * patience_without_polls, poll);
  cluster.hear(start + 2 * patience_without_polls + 1, 0);
  CHECK(cluster.look(start + 2 * patience_without_polls + 4 * poll));
}

TEST_CASE("when a machine was started is known until it says otherwise") {
  OneNode cluster;
  const auto booted = [&] {
    return cluster.database().read(
        "t", [](SqlSession& session) { return contacts_between(session, "c")["n"].booted; });
  };
  CHECK(booted() == 0);
  cluster.hear(start, poll, start - 5000);
  CHECK(booted() == start - 5000);
  cluster.hear(start + poll, poll);  // a message, or an older agent
  CHECK(booted() == start - 5000);
  cluster.hear(start + 3 * poll, poll, start + 2 * poll);
  CHECK(booted() == start + 2 * poll);
}

TEST_CASE("what a hub could not hear is not silence") {
  OneNode cluster;
  cluster.hear(start);
  CHECK_FALSE(cluster.look(start + 100 * poll, start + 98 * poll));
  CHECK(cluster.look(start + 102 * poll, start + 98 * poll));
}

TEST_CASE("only nodes that should talk are silent") {
  OneNode cluster;
  cluster.hear(start);
  cluster.become(phase::stopping, start);
  CHECK(cluster.look(start + 4 * poll));
  CHECK(cluster.state() == phase::stopping);
  CHECK(cluster.texts_of_events().empty());
}

TEST_CASE("a node that talks after it was terminated is shown so") {
  OneNode cluster;
  cluster.hear(start);
  cluster.become(phase::stopping, start);
  cluster.database().write("t", [&](Transaction& transaction) {
    execute(transaction.session(), "UPDATE nodes SET ending = 'Terminated'");
    finish_stopping(transaction, start, start + 1);
    CHECK(find_node(transaction.session(), "c", "n")->phase == phase::stopping);
    finish_stopping(transaction, start + 2 * poll, start + 4 * poll);
  });
  CHECK(cluster.state() == phase::terminated);
  cluster.hear(start + 5 * poll);
  CHECK(cluster.state() == state::still_talks);
  CHECK(cluster.states() == std::map<std::string, int64_t>{{"Still talks", 1}});
  CHECK(cluster.texts_of_events() == Texts{"still talks, although it was terminated"});
  cluster.look(start + 10 * poll);
  CHECK(cluster.state() == phase::terminated);
}

TEST_CASE("a node that was off and talks is on again") {
  OneNode cluster;
  cluster.hear(start);
  cluster.become(phase::stopping, start);
  cluster.database().write("t", [&](Transaction& transaction) {
    execute(transaction.session(), "UPDATE nodes SET ending = 'Off'");
    finish_stopping(transaction, start + 2 * poll, start + 4 * poll);
  });
  CHECK(cluster.state() == phase::off);
  cluster.hear(start + 5 * poll);
  CHECK(cluster.state() == phase::installing);
}

TEST_CASE("a node that starts again is in contact with what it says after that") {
  OneNode cluster;
  const auto restart = [&](int64_t time) {
    cluster.become(phase::preparing, time);
    cluster.database().write("t", [&](Transaction& transaction) {
      note_silence(transaction.session(), "c", "n", time);
    });
  };
  // Neither is its first contact known yet, nor is a known one followed by another.
  restart(start + poll);
  cluster.hear(start);
  CHECK(cluster.state() == phase::preparing);
  cluster.hear(start + 2 * poll);
  CHECK(cluster.state() == phase::installing);
  restart(start + 4 * poll);
  cluster.hear(start + 3 * poll);
  CHECK(cluster.state() == phase::preparing);
  cluster.hear(start + 5 * poll);
  CHECK(cluster.state() == phase::installing);
}

TEST_CASE("a removed node leaves nothing behind") {
  OneNode cluster;
  cluster.hear(start);
  cluster.database().write("t", [&](Transaction& transaction) {
    CHECK(remove_node(transaction, "c", "n"));
    store_contacts(transaction, {{"c", "n", start + 1, {poll, 0}}}, start + 1);
  });
  cluster.database().read(
      "t", [&](SqlSession& session) { CHECK(contacts_between(session, "c").empty()); });
}
