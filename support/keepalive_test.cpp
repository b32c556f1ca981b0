#include "support/keepalive.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::support {

namespace {

using namespace std::chrono_literals;

const SystemTime noon = *parse_iso_8601("2026-11-28T12:00:00Z");

Clocks clocks(const char* boot, std::chrono::milliseconds since_boot,
              std::chrono::milliseconds after_noon) {
  return {boot, since_boot, SystemTime(noon + after_noon)};
}

}  // namespace

TEST_CASE("a keepalive lasts for its length, whatever the clock is set to") {
  const auto asked = Keepalive::starting(1h, clocks("a", 10min, 0min));
  CHECK(asked.time_left(clocks("a", 10min, 0min)) == 1h);
  CHECK(asked.end(clocks("a", 10min, 0min)) == "2026-11-28T13:00:00Z");
  for (const auto jump : {-48h, -1h, 0h, 1h, 48h}) {
    CHECK(asked.time_left(clocks("a", 40min, 30min + jump)) == 30min);
    CHECK(asked.is_in_force(clocks("a", 69min, 59min + jump)));
    CHECK_FALSE(asked.is_in_force(clocks("a", 70min, 60min + jump)));
  }
  CHECK(asked.end(clocks("a", 40min, 30min - 1h)) == "2026-11-28T12:00:00Z");
  CHECK(asked.end(clocks("a", 80min, 70min)) == "2026-11-28T13:00:00Z");
}

TEST_CASE("after a reboot the time of day counts, for no longer than was asked for") {
  const auto asked = Keepalive::starting(6h, clocks("a", 100h, 0h));
  CHECK(asked.time_left(clocks("b", 1min, 2h)) == 4h);
  CHECK_FALSE(asked.is_in_force(clocks("b", 1min, 6h)));
  CHECK(asked.time_left(clocks("b", 1h, -87600h)) == 5h);
  CHECK_FALSE(asked.is_in_force(clocks("b", 6h, -87600h)));
  // Where the boot is not known, no two are the same.
  const auto unknown = Keepalive::starting(6h, clocks("", 100h, 0h));
  CHECK(unknown.time_left(clocks("", 1min, 2h)) == 4h);
}

TEST_CASE("forever has no end") {
  const auto asked = Keepalive::starting(Keepalive::forever, clocks("a", 1h, 0h));
  CHECK(asked.time_left(clocks("b", 1h, 876000h)) == Keepalive::forever);
  CHECK(asked.end() == "forever");
  CHECK(Keepalive::parse(asked.json(), "f").is_forever);
  CHECK(Keepalive::starting(24000h).length == Keepalive::longest);
}

TEST_CASE("a keepalive is read as it was written") {
  const auto asked = Keepalive::starting(90min, clocks("a", 10min, 0min));
  const auto read = Keepalive::parse(asked.json(), "f");
  CHECK(read.json() == asked.json());
  CHECK(read.time_left(clocks("a", 70min, 60min)) == 30min);
}

TEST_CASE("what is no keepalive is corrupt") {
  const auto code_of = [](const char* text) {
    try {
      Keepalive::parse(text, "f");
    } catch (const Error& e) {
      return e.code();
    }
    return Errc::internal;
  };
  for (const char* text :
       {"", "[]", "{}", R"({"until": "forever"})", R"({"until": 1, "requested": "2026-11-28"})",
        R"({"until": "2026-11-28", "requested": "2026-11-28", "length_ms": 1})",
        R"({"until": "2026-11-28", "requested": "2026-11-28", "boottime_ms": -1, "length_ms": 1})",
        R"({"until": "2026-11-28", "requested": "2026-11-28", "boottime_ms": 18446744073709551615,
            "length_ms": 1})",
        R"({"until": "2026-11-28", "requested": "2026-11-28", "boottime_ms": 1,
            "length_ms": 9000000000000})"})
    CHECK_MESSAGE(code_of(text) == Errc::corrupt, text);
}

TEST_CASE("the file may be missing, and is never a link or a pipe") {
  std::string directory = temporary_directory() + "/keepalive-XXXXXX";
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  const std::string file = keepalive_file(directory);
  CHECK_FALSE(read_keepalive(directory));
  const auto asked = Keepalive::starting(1h);
  write_durably(file, asked.json(), 0660);
  REQUIRE(read_keepalive(directory));
  CHECK(read_keepalive(directory)->is_in_force());
  REQUIRE(::rename(file.c_str(), (directory + "/x").c_str()) == 0);
  REQUIRE(::symlink("x", file.c_str()) == 0);
  CHECK_THROWS_AS(read_keepalive(directory), Error);
  REQUIRE(::unlink(file.c_str()) == 0);
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  CHECK_THROWS_AS(read_keepalive(directory), Error);
  ::unlink(file.c_str());
  ::unlink((directory + "/x").c_str());
  ::rmdir(directory.c_str());
}

}  // namespace jetpack::support
