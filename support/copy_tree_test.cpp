#include "support/copy_tree.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::support {

namespace {

mode_t mode_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

}  // namespace

TEST_CASE("a tree is copied with its permissions; links are copied or skipped") {
  const TemporaryDirectory directory;
  const std::string from = directory.path() + "/from", to = directory.path() + "/to";
  create_directories(from + "/a/b", 0755);
  const std::string large(200000, 'x');
  write_durably(from + "/a/b/large", large, 0644);
  write_durably(from + "/run", "#!/bin/sh\n", 0755);
  REQUIRE(::chmod((from + "/run").c_str(), 0750) == 0);
  REQUIRE(::chmod((from + "/a").c_str(), 0700) == 0);
  REQUIRE(::symlink("a/b/large", (from + "/link").c_str()) == 0);
  REQUIRE(::symlink("nowhere", (from + "/a/dangling").c_str()) == 0);

  create_directories(to, 0755);
  copy_tree(from, to, SymbolicLinks::copy);
  CHECK(read_file(to + "/a/b/large", large.size()) == large);
  CHECK(mode_of(to + "/run") == 0750);
  CHECK(mode_of(to + "/a") == 0700);
  CHECK(read_file(to + "/link", large.size()) == large);
  CHECK(::access((to + "/a/dangling").c_str(), F_OK) != 0);
  CHECK(mode_of(to + "/a/dangling") == 0777);
  // It never writes into a file that is there.
  CHECK_THROWS_WITH_AS(copy_tree(from + "/run", to + "/run", SymbolicLinks::copy),
                       doctest::Contains("File exists"), Error);

  copy_tree(from, to + "/again", SymbolicLinks::skip);
  CHECK(read_file(to + "/again/run", 100) == "#!/bin/sh\n");
  CHECK(mode_of(to + "/again/link") == 0);
  CHECK(mode_of(to + "/again/a/dangling") == 0);
}

TEST_CASE("what cannot be copied is named") {
  const TemporaryDirectory directory;
  const std::string from = directory.path() + "/from", to = directory.path() + "/to";
  CHECK_THROWS_WITH_AS(copy_tree(from, to, SymbolicLinks::copy), doctest::Contains(from.c_str()),
                       Error);
  create_directories(from, 0755);
  REQUIRE(::mkfifo((from + "/fifo").c_str(), 0600) == 0);
  CHECK_THROWS_WITH_AS(copy_tree(from, to, SymbolicLinks::copy), doctest::Contains("/fifo"), Error);
}

}  // namespace jetpack::support
