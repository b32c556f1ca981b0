// A database for one unit test, and what most tests do with it.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "common/text.hpp"
#include "store/message_table.hpp"
#include "store/node_table.hpp"
#include "store/target_table.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::hub {

inline constexpr int64_t keep_all = 1'000'000;

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

inline Account enrolled(Database& database, const std::string& cluster, const std::string& node) {
  return database.write("t", [&](Transaction& transaction) {
    enroll_node(transaction, {0, cluster + "/" + node, Role::node, cluster, node, "record"},
                "instance");
    return *find_account(transaction.session(), cluster + "/" + node);
  });
}

inline std::vector<size_t> apply(Database& database, const Account& account,
                                 const std::vector<Message>& messages,
                                 const Retention& keep = keep_all,
                                 const std::string& address = {}) {
  Delivery delivery{account, address, messages, {}};
  database.write(
      "t", [&](Transaction& transaction) { apply_deliveries(transaction, {&delivery}, keep); });
  return delivery.fresh;
}

inline Node node_of(Database& database, const Account& account) {
  return database.read(
      "t", [&](SqlSession& session) { return *find_node(session, account.cluster, account.node); });
}

inline Page<Event> events(Database& database, const std::string& cluster,
                          Priority least = Priority::low, const Range& range = {}) {
  return database.read(
      "t", [&](SqlSession& session) { return list_events(session, cluster, "", least, range); });
}

inline std::vector<NodeArray> arrays(Database& database, int64_t now) {
  return database.read("t",
                       [&](SqlSession& session) { return list_nodearrays(session, "c", now); });
}

inline Message message_of(const std::string& id, const std::string& type, const std::string& data) {
  return parse_messages("{\"messages\":[{\"id\":\"" + id + "\",\"cluster_name\":\"c\",\"type\":\"" +
                        type + "\",\"data\":" + data + "}]}")
      .at(0);
}

inline Message log_message(const std::string& id, const std::string& text,
                           Priority priority = Priority::medium) {
  Message message;
  message.id = id;
  message.type = "log";
  message.data = "{}";
  message.log = LogEntry{"info", priority, text, "{}"};
  return message;
}

inline std::vector<std::string> texts(const Page<Event>& page) {
  std::vector<std::string> all;
  for (const auto& event : page.items) all.push_back(event.text);
  return all;
}

using Texts = std::vector<std::string>;
using Indexes = std::vector<size_t>;

}  // namespace jetpack::hub
