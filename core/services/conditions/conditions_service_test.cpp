// The conditions service: what it keeps, what it sends, and what it refuses.
#include "services/conditions/conditions_service.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <jetpack/conditions.hpp>
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack {

namespace {

// A node whose session keeps what is published.
struct Node {
  support::TemporaryDirectory directory;
  Home home{directory.path()};
  std::vector<std::pair<std::string, int64_t>> published;  // data, wait_ms
  uint32_t delivery = JP_DELIVERED;
  jp_session session{};
  ConditionsService service{home, [this]() -> const jp_session& { return session; }};
  Conditions conditions{service.table()};
  std::vector<std::string> warnings;
  Conditions::Warn warn = [this](std::string_view text) { warnings.emplace_back(text); };

  Node() {
    std::filesystem::create_directory(directory.file("run"));
    session.size = sizeof session;
    session.self = this;
    session.publish = [](void* self, const jp_message* message, jp_receipt* receipt, jp_error*) {
      auto& node = *static_cast<Node*>(self);
      CHECK(boundary::view(message->type) == "condition");
      node.published.emplace_back(boundary::view(message->data), message->wait_ms);
      if (receipt != nullptr) receipt->delivery = node.delivery;
      return int32_t{JP_OK};
    };
  }
};

Errc code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.code();
  }
  return Errc{};
}

}  // namespace

TEST_CASE("what is set is listed and published, and OK clears it") {
  Node node;
  CHECK(node.conditions.set("gpu", Health::error, "fell off").delivered);
  CHECK(node.published.back().first == R"({"name":"gpu","message":"fell off","status":"Error"})");
  CHECK(node.published.back().second == JP_WAIT_DEFAULT);
  auto all = node.conditions.list();
  REQUIRE(all.size() == 1);
  CHECK(all[0].name == "gpu");
  CHECK(all[0].health == Health::error);
  CHECK(all[0].message == "fell off");
  CHECK(all[0].since.ends_with("Z"));
  node.conditions.set("gpu", Health::ok);
  CHECK(node.published.back().first == R"({"name":"gpu","status":"OK"})");
  CHECK(node.conditions.list().empty());
}

TEST_CASE("clearing what is not set is nothing, and sends nothing") {
  Node node;
  CHECK_FALSE(node.conditions.clear("gpu"));
  CHECK(node.published.empty());
  node.conditions.set("gpu", Health::warning);
  CHECK(node.conditions.clear("gpu"));
  CHECK(node.published.size() == 2);
  CHECK(code_of([&] { node.conditions.clear(""); }) == Errc::usage);
}

TEST_CASE("clear_all waits once for a server that does not answer") {
  Node node;
  for (const char* name : {"a", "b", "c"}) node.conditions.set(name, Health::na);
  node.published.clear();
  node.delivery = JP_QUEUED;
  std::vector<std::string> cleared;
  node.conditions.clear_all(std::nullopt, [&](std::string_view name, const Receipt& receipt) {
    cleared.emplace_back(name);
    CHECK_FALSE(receipt.delivered);
  });
  CHECK(cleared == std::vector<std::string>{"a", "b", "c"});
  REQUIRE(node.published.size() == 3);
  CHECK(node.published[0].second == JP_WAIT_DEFAULT);
  CHECK(node.published[1].second == 0);
  CHECK(node.published[2].second == 0);
}

TEST_CASE("names, statuses and actions that are not valid are refused before anything is done") {
  Node node;
  for (const auto& name : {std::string(), std::string(129, 'x'), std::string("a\nb")})
    CHECK(code_of([&] { node.conditions.set(name, Health::error); }) == Errc::usage);
  CHECK(code_of([&] { node.conditions.set("a", static_cast<Health>(9)); }) == Errc::usage);
  Condition half;
  half.name = "gpu";
  half.action_type = "GHR";
  CHECK(code_of([&] { node.conditions.set(half); }) == Errc::usage);
  CHECK(node.published.empty());
  CHECK_FALSE(std::filesystem::exists(node.directory.file("run/conditions.json")));
}

TEST_CASE("a long text is cut with a warning, and bad UTF-8 is replaced") {
  Node node;
  Condition condition;
  condition.name = "gpu";
  condition.details = std::string(70000, 'x');
  condition.message = "caf\xE9";
  node.conditions.set(condition, std::nullopt, node.warn);
  REQUIRE(node.warnings.size() == 1);
  CHECK(node.warnings[0] == "details has 70000 bytes, the limit is 65536, the rest is cut");
  const auto all = node.conditions.list();
  CHECK(all[0].details.size() <= 65536);
  CHECK(all[0].message == "caf\xEF\xBF\xBD");
}

TEST_CASE("a node that cannot remember is a warning, and the cluster hears of it all the same") {
  Node node;
  std::filesystem::remove_all(node.directory.file("run"));
  node.conditions.set({.name = "gpu", .health = Health::error}, std::nullopt, node.warn);
  REQUIRE(node.warnings.size() == 1);
  CHECK(node.warnings[0].starts_with("not recorded on this node: "));
  CHECK(node.published.size() == 1);
  CHECK(node.conditions.clear("gpu", std::nullopt, node.warn));
  CHECK(node.published.size() == 2);
  CHECK(code_of([&] { node.conditions.clear_all(); }) == Errc::failed);
}

TEST_CASE("a damaged file is moved aside by a change, and an error of a listing") {
  Node node;
  node.directory.write("run/conditions.json", "{broken");
  CHECK(code_of([&] { node.conditions.list(); }) == Errc::corrupt);
  node.conditions.set({.name = "gpu", .health = Health::na}, std::nullopt, node.warn);
  REQUIRE(node.warnings.size() == 1);
  CHECK(node.warnings[0].find("conditions.json.corrupt-") != std::string::npos);
  CHECK(node.conditions.list().size() == 1);
}

TEST_CASE("what a callback throws comes out of the call") {
  Node node;
  node.conditions.set("gpu", Health::na);
  const Conditions::Cleared refuse = [](std::string_view, const Receipt&) {
    throw Error(Errc::denied, "no");
  };
  CHECK(code_of([&] { node.conditions.clear_all(std::nullopt, refuse); }) == Errc::denied);
}

}  // namespace jetpack
