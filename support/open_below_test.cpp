// What opens below a directory, with openat2(2) and without.
#include "support/open_below.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "support/testing/temporary_directory.hpp"

using jetpack::support::create_directories_below;
using jetpack::support::Fd;
using jetpack::support::Links;
using jetpack::support::open_below;
using jetpack::support::open_by_walking;
using jetpack::support::TemporaryDirectory;

namespace {

Fd opened(const std::string& path) { return Fd(::open(path.c_str(), O_PATH | O_DIRECTORY)); }

}  // namespace

TEST_CASE("links are followed inside of the directory alone, and the walk agrees with openat2") {
  const TemporaryDirectory directory;
  for (const auto* name : {"root", "root/a", "root/a/b"})
    REQUIRE(::mkdir(directory.file(name).c_str(), 0700) == 0);
  directory.write("outside", "outside");
  directory.write("root/file", "file");
  directory.write("root/a/b/deep", "deep");
  const auto link = [&](const char* target, const std::string& name) {
    REQUIRE(::symlink(target, directory.file("root/" + name).c_str()) == 0);
  };
  link("../file", "a/up");
  link("a/b", "directory");
  link("../outside", "out");
  link("a/../../outside", "around");
  link("/etc/passwd", "absolute");
  link("loop", "loop");
  link("missing", "dangling");
  const Fd root = opened(directory.file("root"));
  struct Row {
    const char* path;
    int inside;  // the errno, or 0, where links are followed
    int none;    // and where they are not
  };
  for (const Row& row :
       {Row{"file", 0, 0}, Row{"a/b/deep", 0, 0}, Row{"a//./b/deep", 0, 0}, Row{"a/../file", 0, 0},
        Row{"a/up", 0, ELOOP}, Row{"directory/deep", 0, ELOOP}, Row{"directory/../up", 0, ELOOP},
        Row{"out", EXDEV, ELOOP}, Row{"around", EXDEV, ELOOP}, Row{"absolute", EXDEV, ELOOP},
        Row{"loop", ELOOP, ELOOP}, Row{"dangling", ENOENT, ELOOP}, Row{"../outside", EXDEV, EXDEV},
        Row{"/etc/passwd", EXDEV, EXDEV}, Row{"none", ENOENT, ENOENT},
        Row{"file/x", ENOTDIR, ENOTDIR}, Row{"none/x", ENOENT, ENOENT}}) {
    for (const auto links : {Links::inside, Links::none}) {
      const int expected = links == Links::inside ? row.inside : row.none;
      for (const auto open : {&open_below, &open_by_walking}) {
        errno = 0;
        const Fd fd = open(root.get(), row.path, O_RDONLY, links);
        CHECK_MESSAGE((fd ? 0 : errno) == expected, row.path);
      }
    }
  }
  CHECK(open_by_walking(root.get(), ".", O_RDONLY | O_DIRECTORY, Links::none));
}

TEST_CASE("directories are created below a directory, and not through a link") {
  const TemporaryDirectory directory;
  REQUIRE(::mkdir(directory.file("root").c_str(), 0700) == 0);
  REQUIRE(::mkdir(directory.file("other").c_str(), 0700) == 0);
  REQUIRE(::symlink("../other", directory.file("root/link").c_str()) == 0);
  const Fd root = opened(directory.file("root"));
  CHECK(create_directories_below(root.get(), "a/b/c"));
  CHECK(create_directories_below(root.get(), "a/b"));
  CHECK(create_directories_below(root.get(), "."));
  CHECK(opened(directory.file("root/a/b/c")));
  CHECK_FALSE(create_directories_below(root.get(), "link/x"));
  CHECK_FALSE(opened(directory.file("other/x")));
}
