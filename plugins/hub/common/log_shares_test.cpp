// What one node can write into the hub's log.
#include "common/log_shares.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

using jetpack::hub::LogShares;

namespace {

std::vector<jetpack::support::LogEntry> lines_of(const char* text, size_t count) {
  return {count, {JP_LEVEL_INFO, text, {"hub serve", "demo", "n1"}}};
}

}  // namespace

TEST_CASE("a node that writes without end leaves the lines of others in the log") {
  const jetpack::support::TemporaryDirectory directory;
  const auto content = [&] {
    return jetpack::support::read_file(directory.file("hub.log"), 16 << 20).value_or("");
  };
  const auto count_of = [&](const std::string& text) {
    const std::string all = content();
    size_t count = 0;
    for (size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++count;
    return count;
  };
  const jetpack::support::LogFile log(directory.file("hub.log"));
  LogShares::Clock::time_point now{std::chrono::hours{1}};
  std::optional<LogShares> shares(std::in_place, log, [&] { return now; });
  shares->write("demo/n2", lines_of("the other, before", 1));
  for (int i = 0; i < 100; ++i) shares->write("demo/n1", lines_of("spam spam spam spam", 1000));
  shares->write("demo/n2", lines_of("the other, after", 1));
  CHECK(content().size() < LogShares::bytes_per_hour + 1024);
  CHECK(count_of("the other") == 2);
  // Said once, with those until then; the rest a minute later, by the next line of any node.
  CHECK(count_of(" lines of demo/n1, ") == 1);
  const size_t written = count_of("spam spam spam spam\n");
  CHECK(count_of("left out " + std::to_string(1000 - written % 1000) + " lines of demo/n1, ") == 1);
  now += std::chrono::minutes{1};
  shares->write("demo/n2", lines_of("x", 1));
  const size_t rest = 100'000 - written - (1000 - written % 1000);
  CHECK(count_of("left out " + std::to_string(rest) + " lines of demo/n1, ") == 1);
  // With time there is room again.
  const size_t before = count_of("spam");
  shares->write("demo/n1", lines_of("spam", 50));
  CHECK(count_of("spam") == before + 50);
  // What is not said yet is said at the end.
  shares->write("demo/n1", lines_of("spam", 1000));
  CHECK(count_of(" lines of demo/n1, ") == 2);
  shares.reset();
  CHECK(count_of(" lines of demo/n1, ") == 3);
}
