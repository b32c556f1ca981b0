// Tests of advisory locks.
#include "support/file_lock.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/testing/temporary_directory.hpp"

namespace jetpack::support {

TEST_CASE("a lock that stays held is an error that names the holder") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("lock");
  const auto held = FileLock::wait(path, 0600);
  const std::string holder = "pid " + std::to_string(::getpid()) + " (support-test)";
  CHECK(FileLock::holder(path) == holder);
  constexpr std::chrono::milliseconds soon{10};
  CHECK_THROWS_WITH_AS(FileLock::wait(path, 0600, soon), doctest::Contains(holder.c_str()), Error);
  CHECK_THROWS_WITH_AS(FileLock::wait_shared(path, soon), doctest::Contains(holder.c_str()), Error);
  CHECK(FileLock::is_held(path));
}

TEST_CASE("several hold a shared lock, and none then has it alone") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("lock", "");
  const auto one = FileLock::wait_shared(path);
  const auto two = FileLock::wait_shared(path, {});
  CHECK_FALSE(FileLock::attempt(path, 0600));
}

TEST_CASE("what is not a regular file is refused at once, and no other file changes") {
  const TemporaryDirectory directory;
  const std::string fifo = directory.file("fifo"), link = directory.file("link");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const std::string target = directory.write("target", "precious");
  REQUIRE(::symlink(target.c_str(), link.c_str()) == 0);
  for (const auto& path : {fifo, link}) {
    CHECK_THROWS_AS(FileLock::wait(path, 0600), Error);
    CHECK_THROWS_AS(FileLock::wait_shared(path), Error);
    CHECK_THROWS_AS(FileLock::attempt(path, 0600), Error);
    CHECK_FALSE(FileLock::is_held(path));
  }
  const std::string hard = directory.file("hard");
  REQUIRE(::link(target.c_str(), hard.c_str()) == 0);
  CHECK(FileLock::attempt(hard, 0660));
  struct stat info {};
  REQUIRE(::stat(target.c_str(), &info) == 0);
  CHECK((info.st_mode & S_IWGRP) == 0);
}

}  // namespace jetpack::support
