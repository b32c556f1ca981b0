// How many lines refused requests get.
#include "common/refusal_log.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

using jetpack::hub::RefusalLog;

TEST_CASE("an address gets one line a minute, and many addresses together no more") {
  const jetpack::support::TemporaryDirectory directory;
  const jetpack::support::LogFile log(directory.file("hub.log"));
  RefusalLog::Clock::time_point now{std::chrono::hours{1}};
  RefusalLog refusals(log, [&] { return now; });
  const auto lines = [&] {
    const std::string text =
        jetpack::support::read_file(directory.file("hub.log"), 1 << 20).value_or("");
    return std::count(text.begin(), text.end(), '\n');
  };
  for (int i = 0; i < 500; ++i) refusals.warn("10.0.0.1", "rejected the credentials of 'x'");
  refusals.warn("10.0.0.2", "rejected the credentials of 'y'");
  CHECK(lines() == 2);
  now += std::chrono::minutes{1};
  refusals.warn("10.0.0.1", "rejected the credentials of 'x'");
  CHECK(lines() == 3);
  const auto text = jetpack::support::read_file(directory.file("hub.log"), 1 << 20).value();
  CHECK(text.find("'x' from 10.0.0.1 (and 499 more refused") != std::string::npos);
  for (int i = 0; i < 5000; ++i) refusals.warn("host" + std::to_string(i), "rejected");
  CHECK(lines() < 110);
  refusals.warn("10.0.0.3", std::string(50'000, 'x'));
  now += std::chrono::minutes{1};
  // All that a minute of a flood adds, whatever the clients send.
  const auto before = jetpack::support::read_file(directory.file("hub.log"), 1 << 20)->size();
  for (int i = 0; i < 5000; ++i)
    refusals.warn("host" + std::to_string(i), "rejected " + std::string(30'000, 'x'));
  CHECK(jetpack::support::read_file(directory.file("hub.log"), 1 << 20)->size() - before < 60'000);
}
