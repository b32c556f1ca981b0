// Tests of bounded reading, durable writing and locks.
#include "support/files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/file_lock.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::support {

TEST_CASE("a file is read completely; too large ones and non-files are errors") {
  const TemporaryDirectory directory;
  CHECK(read_file(directory.write("a", "text"), 4) == "text");
  CHECK(read_file(directory.path() + "/none", 4) == std::nullopt);
  CHECK_THROWS_WITH_AS(read_file(directory.write("a", "texts"), 4),
                       doctest::Contains("5 bytes, the limit is 4"), Error);
  CHECK_THROWS_WITH_AS(read_file(directory.path(), 4), doctest::Contains("not a regular file"),
                       Error);
  const std::string fifo = directory.path() + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK_THROWS_WITH_AS(read_file(fifo, 4), doctest::Contains("not a regular file"), Error);
}

TEST_CASE("a file in /proc, whose size is 0, is read to its end") {
  CHECK(read_file("/proc/self/comm", 100).value_or("").size() > 1);
}

TEST_CASE("writing replaces the content and keeps the mode") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/state";
  write_durably(path, "one", 0640);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  write_durably(path, "two", 0640);
  CHECK(read_file(path, 10) == "two");
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  CHECK_THROWS_WITH_AS(write_durably(directory.path() + "/none/state", "x", 0600),
                       doctest::Contains("No such file"), Error);
}

TEST_CASE("a lock is held until it is destroyed") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/lock";
  CHECK_FALSE(FileLock::is_held(path));
  {
    const auto lock = FileLock::attempt(path, 0600);
    REQUIRE(lock);
    CHECK(FileLock::is_held(path));
    CHECK_FALSE(FileLock::attempt(path, 0600));
  }
  CHECK_FALSE(FileLock::is_held(path));
}

TEST_CASE("in a directory that others can write, the old file's owner and mode are not trusted") {
  const TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0770) == 0);
  const std::string path = directory.write("state", "theirs");
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
  write_durably(path, "ours", 0640);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
}

TEST_CASE("links are refused where others can write") {
  const TemporaryDirectory directory;
  const std::string target = directory.write("target", "secret");
  const std::string soft = directory.file("soft"), hard = directory.file("hard");
  REQUIRE(::symlink(target.c_str(), soft.c_str()) == 0);
  CHECK(read_file(soft, 100) == "secret");
  CHECK(read_file(target, 100, Sharing::shared) == "secret");
  CHECK_THROWS_WITH_AS(read_file(soft, 100, Sharing::shared), doctest::Contains("symbolic link"),
                       Error);
  REQUIRE(::link(target.c_str(), hard.c_str()) == 0);
  CHECK_THROWS_WITH_AS(read_file(hard, 100, Sharing::shared), doctest::Contains("hard links"),
                       Error);
  CHECK_FALSE(read_file(directory.file("none"), 100, Sharing::shared));
}

TEST_CASE("state that decides what is trusted is read only where nobody else can write") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("state", "ours");
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK(read_private_file(path, 100) == "ours");
  CHECK_FALSE(read_private_file(directory.file("none"), 100));
  for (const mode_t mode : {0660, 0646}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    CHECK_THROWS_WITH_AS(read_private_file(path, 100), doctest::Contains("cannot trust"), Error);
  }
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 0770) == 0);
  CHECK_THROWS_WITH_AS(read_private_file(path, 100), doctest::Contains("cannot trust"), Error);
}

TEST_CASE("directories are created with their parents and may already exist") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/a/b/c";
  create_directories(path, 0750);
  create_directories(path, 0750);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK(S_ISDIR(info.st_mode));
  directory.write("file", "");
  CHECK_THROWS_AS(create_directories(directory.path() + "/file", 0750), Error);
}

TEST_CASE("a lock file names its holder, and waiting for it has a limit") {
  const TemporaryDirectory directory;
  const auto lock = FileLock::wait(directory.path() + "/lock", 0600);
  lock.note("pid 1");
  CHECK(read_file(directory.path() + "/lock", 100) == "pid 1");
  CHECK_FALSE(FileLock::attempt(directory.path() + "/lock", 0600, std::chrono::milliseconds{30}));
}

}  // namespace jetpack::support
