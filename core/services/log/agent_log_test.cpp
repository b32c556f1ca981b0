// Tests of the log service: what plugins do through its table.
#include "services/log/agent_log.hpp"

#include <doctest/doctest.h>

#include <jetpack/boundary.hpp>

namespace jetpack {

TEST_CASE("plugins mask streams as the log does") {
  const AgentLog log("/no/such/directory/jetpack.log", nullptr);
  const jp_log& table = log.table();
  void* redactor = nullptr;
  REQUIRE(table.redactor_open(table.self, &redactor, nullptr) == JP_OK);
  std::string clean;
  const jp_sink out = boundary::append_to(clean);
  for (const char* piece : {"a pass", "word=p5", "5 b"})
    CHECK(table.redactor_feed(table.self, redactor, boundary::borrow(piece), out, nullptr) ==
          JP_OK);
  uint64_t secrets = 0;
  CHECK(table.redactor_finish(table.self, redactor, out, &secrets, nullptr) == JP_OK);
  CHECK(secrets == 1);
  CHECK(clean == "a password=[redacted] b");

  const jp_sink full{nullptr, [](void*, const char*, size_t) -> int32_t { return 1; }};
  table.redactor_feed(table.self, redactor, boundary::borrow("x y z"), full, nullptr);
  CHECK(table.redactor_finish(table.self, redactor, full, &secrets, nullptr) == JP_FAILED);
  table.redactor_close(table.self, redactor);
}

}  // namespace jetpack
