// Tests of how queues are shared: SQLite's one hub has all; with HUB_TEST_DATABASE several share.
#include "broker/queue_share.hpp"

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/testing/temporary_directory.hpp"

using namespace jetpack::hub;

namespace {

// Gives back at once what is too much, as a hub does that has nothing unsettled.
size_t balanced(QueueShare& share) {
  for (const int queue : share.balance().excess) share.give_back(queue);
  return share.held();
}

// The server notices the end of a connection a moment later.
template <class Condition>
bool is_soon(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (std::chrono::steady_clock::now() < deadline)
    if (condition()) return true;
  return false;
}

}  // namespace

TEST_CASE("all queues are shared, and no hub has two more than another") {
  for (size_t queues : {size_t{1}, size_t{3}, size_t{16}}) {
    for (size_t hubs = 1; hubs <= 20; ++hubs) {
      size_t sum = 0;
      for (size_t rank = 0; rank < hubs; ++rank) {
        const size_t share = fair_share(queues, hubs, rank);
        CHECK(share >= queues / hubs);
        CHECK(share <= queues / hubs + 1);
        sum += share;
      }
      CHECK(sum == queues);
    }
  }
}

TEST_CASE("the only hub has all queues") {
  const jetpack::support::TemporaryDirectory directory;
  QueueShare share(sqlite_address(directory.file("hub.db")), "broker", 16);
  const auto change = share.balance();
  CHECK(change.taken.size() == 16);
  CHECK(change.excess.empty());
  CHECK(share.balance().taken.empty());
  CHECK(share.held() == 16);
}

TEST_CASE("hubs share queues as they come and go") {
  const char* url = std::getenv("HUB_TEST_DATABASE");
  if (url == nullptr) return;
  const auto address = postgresql_address(url);
  QueueShare first(address, "broker", 16);
  CHECK(balanced(first) == 16);
  std::optional<QueueShare> second(std::in_place, address, "broker", 16);
  QueueShare elsewhere(address, "another broker", 16);
  CHECK(balanced(elsewhere) == 16);
  CHECK(balanced(*second) == 0);
  CHECK(balanced(first) == 8);
  CHECK(balanced(*second) == 8);
  CHECK(second->hubs() == 2);
  QueueShare third(address, "broker", 16);
  balanced(first);
  balanced(*second);
  CHECK(balanced(third) + first.held() + second->held() == 16);
  CHECK(third.held() >= 5);
  second.reset();
  CHECK(is_soon([&] { return balanced(first) == 8 && first.hubs() == 2; }));
  CHECK(balanced(third) == 8);
}

TEST_CASE("a hub whose connection to the database ended has no queues") {
  const char* url = std::getenv("HUB_TEST_DATABASE");
  if (url == nullptr) return;
  const auto address = postgresql_address(url);
  QueueShare share(address, "broker", 16);
  CHECK(balanced(share) == 16);
  const auto session = open_session(address);
  select<std::string>(*session,
                      "SELECT pg_terminate_backend(pid)::text FROM pg_locks WHERE locktype = "
                      "'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = "
                      "current_database())");
  CHECK(is_soon([&] {
    try {
      share.balance();
      return false;
    } catch (const jetpack::Error&) {
      return true;
    }
  }));
}
