// The parts of healthcheck that need no process.
#include <doctest/doctest.h>

#include <fstream>

#include "healthcheck/builtins.hpp"
#include "healthcheck/checks.hpp"
#include "healthcheck/consequences.hpp"
#include "healthcheck/runner.hpp"
#include "support/files.hpp"
#include "support/utf8.hpp"

namespace health = jetpack::healthcheck;
namespace support = jetpack::support;
using health::State;

TEST_CASE("the last line that sets a condition counts") {
  CHECK(health::spoken_in("").status.empty());
  CHECK(health::spoken_in("{\"conditions\": 1}\nall is well\n").status.empty());
  CHECK(health::spoken_in("{\"condition\": \"broken").status.empty());
  const auto spoken = health::spoken_in(
      "{\"condition\": {\"status\": \"Error\"}}\n"
      "  {\"condition\": {\"status\": \"Warning\", \"message\": \"hot\", \"details\": \"91 "
      "C\"}}\r\n"
      "done");
  CHECK(spoken.status == "Warning");
  CHECK(spoken.message == "hot");
  CHECK(spoken.details == "91 C");
}

TEST_CASE("a condition with an invalid status is a warning that says so") {
  const auto spoken = health::spoken_in("{\"condition\": {\"status\": \"Bad\\u001b[31m\"}}");
  CHECK(spoken.status == "Warning");
  CHECK(spoken.message.find("'Bad\\x1b[31m'") != std::string::npos);
}

TEST_CASE("the reason names the check, its exit code, for how long, and its last words") {
  health::Record record;
  record.failing_since = "2026-01-01T00:00:00.000Z";
  record.last.state = State::unhealthy;
  record.last.exit_code = 254;
  record.last.err = "GPU 3\nfell off the bus\n";
  record.last.out = "checked 8";
  const auto reason = health::termination_reason("gpu.sh", record, "2026-01-01T00:20:00.000Z");
  CHECK(reason ==
        "unhealthy: check gpu.sh exited with 254, failing for 20m: stderr: GPU 3 | fell off the "
        "bus; stdout: checked 8");
  record.last.err = record.last.out = "";
  record.last.message = "exited with 254";
  CHECK(health::termination_reason("gpu.sh", record, record.failing_since) ==
        "unhealthy: check gpu.sh exited with 254, failing for 0s");
  record.last.message = "its shutdown was scheduled";
  CHECK(health::termination_reason("scheduled_shutdown", record, record.failing_since)
            .ends_with("failing for 0s: its shutdown was scheduled"));
  record.last.err = std::string(100000, 'x') + "\xff\x1b[2J";
  const auto bounded = health::termination_reason("gpu.sh", record, record.failing_since);
  CHECK(bounded.size() < 3000);
  CHECK(support::is_utf8(bounded));
  CHECK(bounded.find('\x1b') == std::string::npos);
}

TEST_CASE("a node that was configured does not time out, nor one without a limit") {
  using std::chrono::seconds;
  CHECK(health::check_converge_timeout(true, seconds(1), seconds(9)).state == State::passed);
  CHECK(health::check_converge_timeout(false, seconds(0), seconds(9)).state == State::passed);
  CHECK(health::check_converge_timeout(false, seconds(9), seconds(9)).state == State::passed);
  const auto late = health::check_converge_timeout(false, seconds(1), seconds(9));
  CHECK(late.state == State::unhealthy);
  CHECK(late.exit_code == 254);
}

TEST_CASE("history is bounded") {
  health::Health known;
  for (int i = 0; i < 1000; ++i)
    known.note("t", std::to_string(i), "failed", std::string(10000, 'x'));
  CHECK(known.history.size() == 500);
  CHECK(known.history.back().check == "999");
  CHECK(known.history.back().message.size() <= 512);
}

TEST_CASE("a process that is not there has no start") {
  CHECK(health::start_of_process(0) == 0);
  CHECK(health::start_of_process(1) == health::start_of_process(1));
  CHECK(health::start_of_process(2147483647) == 0);
}
