// store_test.cpp: tests of store.hpp, and of accounts.hpp, which stands on it.
#include "store.hpp"

#include "accounts.hpp"
#include "passwords.hpp"
#include "test_folder.hpp"

#include <doctest/doctest.h>
#include <jetpack/error.hpp>

using namespace hub;

namespace {

Account enrolled(Store& store, const std::string& cluster, const std::string& node) {
  store.enroll({0, cluster + "/" + node, Role::node, cluster, node, "record"}, "instance");
  return *store.find_account(cluster + "/" + node);
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

}  // namespace

TEST_CASE("a message is applied once for each account") {
  const TestFolder folder;
  Store store(folder / "hub.db");
  const Account one = enrolled(store, "c", "n1"), two = enrolled(store, "c", "n2");
  CHECK(store.apply(one, "10.0.0.1", {log_message("a", "first")}).indexes.size() == 1);
  const Applied again =
      store.apply(one, "10.0.0.1", {log_message("a", "first"), log_message("b", "second")});
  CHECK(again.indexes == std::vector<size_t>{1});
  CHECK(again.last_event > 0);
  // Another node cannot suppress a message by guessing its id.
  CHECK(store.apply(two, "10.0.0.2", {log_message("a", "other")}).indexes.size() == 1);
  CHECK(texts(store.events("", Priority::low, {})) == Texts{"first", "second", "other"});
  CHECK(store.messages("c", "log", {}).items.size() == 3);
}

TEST_CASE("the same id twice in one batch") {
  const TestFolder folder;
  Store store(folder / "hub.db");
  const Account account = enrolled(store, "c", "n");
  CHECK(store.apply(account, "", {log_message("a", "1"), log_message("a", "2")}).indexes.size() ==
        1);
}

TEST_CASE("what was applied outlives the store") {
  const TestFolder folder;
  {
    Store store(folder / "hub.db");
    store.apply(enrolled(store, "c", "n"), "", {log_message("a", "kept")});
  }
  Store store(folder / "hub.db");
  CHECK(texts(store.events("c", Priority::low, {})) == Texts{"kept"});
  CHECK(store.apply(*store.find_account("c/n"), "", {log_message("a", "kept")}).indexes.empty());
}

TEST_CASE("ranges") {
  const TestFolder folder;
  Store store(folder / "hub.db");
  const Account account = enrolled(store, "c", "n");
  std::vector<Message> batch;
  for (const char* text : {"1", "2", "3", "4", "5"}) batch.push_back(log_message(text, text));
  batch[1].log->priority = Priority::low;
  store.apply(account, "", batch);
  const auto events = [&](Priority least, std::optional<int64_t> after,
                          std::optional<int64_t> before, int64_t limit) {
    return store.events("c", least, {after, before, limit});
  };
  CHECK(texts(events(Priority::low, {}, {}, 2)) == Texts{"4", "5"});
  CHECK(events(Priority::low, {}, {}, 2).more);
  CHECK(texts(events(Priority::low, {}, 4, 10)) == Texts{"1", "2", "3"});
  CHECK_FALSE(events(Priority::low, {}, 4, 10).more);
  CHECK(texts(events(Priority::low, 1, {}, 2)) == Texts{"2", "3"});
  CHECK(texts(events(Priority::medium, 0, {}, 10)) == Texts{"1", "3", "4", "5"});
  CHECK(texts(events(Priority::high, 0, {}, 10)).empty());
  CHECK(texts(store.events("other", Priority::low, {})).empty());
  Range small{0, {}, 10, 600};
  const auto cut = store.events("c", Priority::low, small);
  CHECK(texts(cut) == Texts{"1", "2"});
  CHECK(cut.more);
}

TEST_CASE("a node is known by what it says") {
  const TestFolder folder;
  Store store(folder / "hub.db");
  const Account account = enrolled(store, "c", "n");
  CHECK(store.find_node("c", "n")->last_contact == 0);
  Message message = log_message("a", "x");
  message.hostname = "host";
  message.instance_id = "i-2";
  message.properties = R"({"p":{"q":1}})";
  store.apply(account, "10.1.2.3", {message});
  store.apply(account, "10.1.2.4", {log_message("b", "y")});
  const Node node = *store.find_node("c", "n");
  CHECK(node.hostname == "host");
  CHECK(node.instance_id == "i-2");
  CHECK(node.address == "10.1.2.4");
  CHECK(node.properties == R"({"p":{"q":1}})");
  CHECK(node.first_contact > 0);
  CHECK(node.last_contact >= node.first_contact);
  CHECK(store.clusters("").size() == 1);
  CHECK(store.clusters("c")[0].nodes == 1);
}

TEST_CASE("the oldest messages go") {
  const TestFolder folder;
  Store store(folder / "hub.db", 3);
  const Account account = enrolled(store, "c", "n");
  for (const char* id : {"1", "2", "3", "4", "5"}) store.apply(account, "", {log_message(id, id)});
  CHECK(texts(store.events("", Priority::low, {})) == Texts{"3", "4", "5"});
  CHECK(store.messages("", "", {}).items.size() == 3);
}

TEST_CASE("credentials") {
  const TestFolder folder;
  Store store(folder / "hub.db");
  CHECK(store.set_admin("admin", hash_password("one")));
  Accounts accounts(store);
  CHECK(accounts.authenticate("admin", "one")->role == Role::admin);
  CHECK(accounts.authenticate("admin", "one"));
  CHECK_FALSE(accounts.authenticate("admin", "two"));
  CHECK_FALSE(accounts.authenticate("nobody", "one"));
  // A new password ends the old one at once, remembered or not.
  CHECK_FALSE(store.set_admin("admin", hash_password("two")));
  CHECK_FALSE(accounts.authenticate("admin", "one"));
  CHECK(accounts.authenticate("admin", "two"));
}

TEST_CASE("what is no database is refused") {
  const TestFolder folder;
  std::filesystem::create_directory(folder / "hub.db");
  CHECK_THROWS_AS(Store(folder / "hub.db"), jetpack::Error);
}
