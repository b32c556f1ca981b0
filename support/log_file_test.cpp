// Tests of log files: their form, their bound, and that they never fail.
#include "support/log_file.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::support {

constexpr uint64_t max_bytes = 10'000;

TEST_CASE("lines have the format of Python's logging and no secrets") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/jetpack.log";
  const LogFile log(path, max_bytes);
  log.write(JP_LEVEL_INFO, "first\nsecond \x1b[31m");
  log.write(JP_LEVEL_ERROR, "password=x");
  const std::string text = read_file(path, 10'000).value_or("");
  const size_t stamp = std::string("2024-10-04 13:03:40,298 ").size();
  const size_t second = text.find("ERROR") - stamp;
  REQUIRE(second < text.size());
  CHECK(text[stamp - 1] == ' ');
  CHECK(text.substr(stamp, second - stamp) == "INFO     first\n    second \\x1b[31m\n");
  CHECK(text.substr(second + stamp) == "ERROR    password=[redacted]\n");
}

TEST_CASE("a full log is rotated") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("jetpack.log", std::string(max_bytes, 'x'));
  const LogFile log(path, max_bytes);
  log.write(JP_LEVEL_INFO, "new");
  CHECK(read_file(path, 1000).value_or("").ends_with("new\n"));
  CHECK(read_file(path + ".1", max_bytes)->size() == max_bytes);
}

TEST_CASE("a full log stays within its limit when it cannot be renamed") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("jetpack.log", std::string(max_bytes, 'x'));
  directory.write("jetpack.log.1/file", "in the way");
  const LogFile log(path, max_bytes);
  log.write(JP_LEVEL_INFO, "new");
  const std::string text = read_file(path, max_bytes).value_or("");
  CHECK(text.ends_with("new\n"));
  CHECK(text.size() < 100);
}

TEST_CASE("another file under the log's name is left alone, and the log goes on") {
  const TemporaryDirectory directory;
  const std::string other = directory.write("other", "theirs\n");
  const std::string path = directory.path() + "/jetpack.log";
  REQUIRE(::link(other.c_str(), path.c_str()) == 0);
  LogFile(path).write(JP_LEVEL_INFO, "x");
  CHECK(read_file(other, 100).value_or("") == "theirs\n");
  CHECK(read_file(path, 100).value_or("").ends_with("x\n"));
}

TEST_CASE("what stands in place of the previous log does not lift the limit") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/jetpack.log";
  const LogFile log(path, max_bytes);
  const auto fill = [&] {
    for (int i = 0; i < 500; ++i) log.write(JP_LEVEL_INFO, std::string(100, 'x'));
    CHECK(read_file(path, 10 * max_bytes)->size() < 2 * max_bytes);
  };
  const std::string other = directory.write("other", "theirs\n");
  REQUIRE(::link(other.c_str(), (path + ".1").c_str()) == 0);
  fill();
  CHECK(read_file(other, 100).value_or("") == "theirs\n");
  // The log itself, under both names.
  REQUIRE(::unlink((path + ".1").c_str()) == 0);
  REQUIRE(::link(path.c_str(), (path + ".1").c_str()) == 0);
  fill();
  // A reader that holds a lock.
  const Fd reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(::flock(reader.get(), LOCK_EX | LOCK_NB) == 0);
  fill();
}

TEST_CASE("a line that cannot be written is dropped") {
  LogFile("/no/such/directory/jetpack.log").write(JP_LEVEL_INFO, "x");
  LogFile("/dev/full").write(JP_LEVEL_INFO, "x");
}

}  // namespace jetpack::support
