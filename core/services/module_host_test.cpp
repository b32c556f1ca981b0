// What a module learns of the node's settings through the host.
#include "services/module_host.hpp"

#include <doctest/doctest.h>

#include <jetpack/session.hpp>
#include "services/host_services.hpp"
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack {

namespace {

struct Node {
  support::TemporaryDirectory folder;
  HostServices services{Home(folder.path()), "/no/such/folder"};
  ModuleHost host{services.table()};

  Node() { std::filesystem::create_directory(folder.file("logs")); }

  std::string log() const {
    return jetpack::support::read_file(folder.file("logs/jetpack.log"), 10'000).value_or("");
  }
};

}  // namespace

TEST_CASE("a setting that is empty or null says nothing") {
  const Node node;
  node.folder.write("config/node.json", R"({"set":"x","empty":"","null":null})");
  CHECK(node.host.setting("set") == "x");
  for (const auto* key : {"empty", "null", "missing"}) CHECK_FALSE(node.host.setting(key));
  CHECK(node.log().empty());
}

TEST_CASE("a configuration that is missing says nothing, and one that is broken is one warning") {
  const Node node;
  CHECK_FALSE(node.host.setting("set"));
  CHECK(node.log().empty());
  node.folder.write("config/node.json", "{");
  CHECK_FALSE(node.host.setting("set"));
  CHECK(node.log().find("WARNING") != std::string::npos);
  const std::string told = node.log();
  CHECK_FALSE(node.host.setting("other"));
  CHECK(node.log() == told);
  node.folder.write("config/node.json", "{}");
  CHECK_FALSE(node.host.setting("set"));
  node.folder.write("config/node.json", "{");
  CHECK_FALSE(node.host.setting("set"));
  CHECK(node.log().size() > told.size());
}

TEST_CASE("a number lies within its bounds") {
  const Node node;
  node.folder.write("config/node.json",
                    R"({"n":7,"text":"8","low":-1,"high":100,"huge":99999999999,"half":1.5})");
  CHECK(node.host.number("n", 3, 1, 9) == 7);
  CHECK(node.host.number("text", 3, 1, 9) == 8);
  CHECK(node.host.number("low", 3, 1, 9) == 1);
  CHECK(node.host.number("high", 3, 1, 9) == 9);
  for (const auto* key : {"huge", "half", "missing"}) CHECK(node.host.number(key, 3, 1, 9) == 3);
}

TEST_CASE("a service that the host does not have is an error") {
  const Node node;
  CHECK_THROWS_AS(node.host.with<Session>([](const Session&) { return 0; }), Error);
}

}  // namespace jetpack
