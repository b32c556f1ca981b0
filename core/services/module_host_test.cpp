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
  support::TemporaryDirectory directory;
  HostServices services{Home(directory.path()), "/no/such/directory"};
  ModuleHost host{services.table()};

  Node() { std::filesystem::create_directory(directory.file("logs")); }

  std::string log() const {
    return jetpack::support::read_file(directory.file("logs/jetpack.log"), 10'000).value_or("");
  }
};

}  // namespace

TEST_CASE("a setting that is empty or null says nothing") {
  const Node node;
  node.directory.write("config/node.json", R"({"set":"x","empty":"","null":null})");
  CHECK(node.host.setting("set") == "x");
  for (const auto* key : {"empty", "null", "missing"}) CHECK_FALSE(node.host.setting(key));
  CHECK(node.log().empty());
}

TEST_CASE("a configuration that is missing says nothing, and one that is broken is one warning") {
  const Node node;
  CHECK_FALSE(node.host.setting("set"));
  CHECK(node.log().empty());
  node.directory.write("config/node.json", "{");
  CHECK_FALSE(node.host.setting("set"));
  CHECK(node.log().find("WARNING") != std::string::npos);
  const std::string told = node.log();
  CHECK_FALSE(node.host.setting("other"));
  CHECK(node.log() == told);
  node.directory.write("config/node.json", "{}");
  CHECK_FALSE(node.host.setting("set"));
  node.directory.write("config/node.json", "{");
  CHECK_FALSE(node.host.setting("set"));
  CHECK(node.log().size() > told.size());
}

TEST_CASE("a number that is not valid is one warning, and the default") {
  constexpr const char* key = "cyclecloud.jetpack.storage_tries";
  const Node node;
  const auto tries = [&](const std::string& json) {
    node.directory.write("config/node.json",
                         R"({"cyclecloud":{"jetpack":{"storage_tries":)" + json + "}}}");
    return node.host.number(key);
  };
  CHECK(tries("7") == 7);
  CHECK(tries("\"8\"") == 8);
  CHECK(node.log().empty());
  for (const auto* bad : {"-1", "101", "99999999999", "1.5", "\"x\""}) CHECK(tries(bad) == 8);
  const std::string warned = node.log();
  CHECK(warned.find("storage_tries is '101'; expected a whole number from 1 to 100, using 8") !=
        std::string::npos);
  CHECK(tries("101") == 8);
  CHECK(node.log() == warned);
}

TEST_CASE("a service that the host does not have is an error") {
  const Node node;
  CHECK_THROWS_AS(node.host.with<Session>([](const Session&) { return 0; }), Error);
}

}  // namespace jetpack
