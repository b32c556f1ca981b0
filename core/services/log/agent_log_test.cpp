// Tests of the agent's log: its form, its bound, and that it never fails.
#include "services/log/agent_log.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack {

TEST_CASE("lines have the form of Python's logging, and no secrets") {
  const support::TemporaryDirectory folder;
  const std::string path = folder.path() + "/jetpack.log";
  const AgentLog log(path);
  log.write(JP_LEVEL_INFO, "first\nsecond \x1b[31m");
  log.write(JP_LEVEL_ERROR, "password=x");
  const std::string text = jetpack::support::read_file(path, 10'000).value_or("");
  const size_t stamp = std::string("2024-10-04 13:03:40,298 ").size();
  const size_t second = text.find("ERROR") - stamp;
  REQUIRE(second < text.size());
  CHECK(text[stamp - 1] == ' ');
  CHECK(text.substr(stamp, second - stamp) == "INFO     first\n    second ?[31m\n");
  CHECK(text.substr(second + stamp) == "ERROR    password=[redacted]\n");
}

TEST_CASE("a full log becomes the old one") {
  const support::TemporaryDirectory folder;
  const std::string path = folder.write("jetpack.log", std::string(AgentLog::max_bytes, 'x'));
  const AgentLog log(path);
  log.write(JP_LEVEL_INFO, "new");
  CHECK(jetpack::support::read_file(path, 1000).value_or("").ends_with("new\n"));
  CHECK(jetpack::support::read_file(path + ".1", AgentLog::max_bytes)->size() ==
        AgentLog::max_bytes);
}

TEST_CASE("what cannot be written is dropped") {
  AgentLog("/no/such/folder/jetpack.log").write(JP_LEVEL_INFO, "x");
  AgentLog("/dev/full").write(JP_LEVEL_INFO, "x");
}

TEST_CASE("plugins mask streams as the log does") {
  const AgentLog log("/no/such/folder/jetpack.log");
  const jp_log& table = log.table();
  void* redactor = nullptr;
  REQUIRE(table.redactor_open(table.self, &redactor, nullptr) == JP_OK);
  std::string clean;
  const jp_sink out = detail::append_to(clean);
  for (const char* piece : {"a pass", "word=p5", "5 b"})
    CHECK(table.redactor_feed(table.self, redactor, detail::borrow(piece), out, nullptr) == JP_OK);
  uint64_t secrets = 0;
  CHECK(table.redactor_finish(table.self, redactor, out, &secrets, nullptr) == JP_OK);
  CHECK(secrets == 1);
  CHECK(clean == "a password=[redacted] b");

  const jp_sink full{nullptr, [](void*, const char*, size_t) -> int32_t { return 1; }};
  table.redactor_feed(table.self, redactor, detail::borrow("x y z"), full, nullptr);
  CHECK(table.redactor_finish(table.self, redactor, full, &secrets, nullptr) == JP_FAILED);
  table.redactor_close(table.self, redactor);
}

}  // namespace jetpack
