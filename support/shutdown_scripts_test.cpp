#include "support/shutdown_scripts.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::support {

namespace {

struct ScratchDirectory {
  std::string path = temporary_directory() + "/scripts-XXXXXX";
  ScratchDirectory() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~ScratchDirectory() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, unsigned mode) const {
    std::string file = path + '/' + name;
    write_durably(file, "#!/bin/sh\n", 0600);
    REQUIRE(::chmod(file.c_str(), mode) == 0);
    return file;
  }
};

std::string refusal(const std::string& path) {
  try {
    runnable_script(path);
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

bool holds(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("scripts are read in the order in which they were written") {
  const ScratchDirectory scratch;
  CHECK(read_shutdown_scripts(scratch.path).empty());
  write_shutdown_scripts(scratch.path, {{"/z", "2026-11-28T17:00:00.000Z"}, {"/a b\"\n", ""}});
  const auto read = read_shutdown_scripts(scratch.path);
  REQUIRE(read.size() == 2);
  CHECK(read[0].path == "/z");
  CHECK(read[0].registered == "2026-11-28T17:00:00.000Z");
  CHECK(read[1].path == "/a b\"\n");
}

TEST_CASE("a list that others can write is neither read nor written") {
  const ScratchDirectory scratch;
  write_shutdown_scripts(scratch.path, {{"/z", ""}});
  const std::string file = shutdown_scripts_file(scratch.path);
  REQUIRE(::chmod(file.c_str(), 0664) == 0);
  CHECK_THROWS_AS(read_shutdown_scripts(scratch.path), Error);
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  CHECK(read_shutdown_scripts(scratch.path).size() == 1);
  REQUIRE(::chmod(scratch.path.c_str(), 0770) == 0);
  CHECK_THROWS_AS(read_shutdown_scripts(scratch.path), Error);
  CHECK_THROWS_AS(write_shutdown_scripts(scratch.path, {}), Error);
  for (const char* text : {"", "[]", "{}", R"({"scripts": 1})", R"({"scripts": [1]})",
                           R"({"scripts": [{"path": "a"}]})"}) {
    REQUIRE(::chmod(scratch.path.c_str(), 0700) == 0);
    write_durably(file, text, 0644);
    CHECK_THROWS_AS(read_shutdown_scripts(scratch.path), Error);
  }
}

TEST_CASE("a script that may be run is found without its links") {
  const ScratchDirectory scratch;
  const std::string script = scratch.write("x.sh", 0755);
  const std::string real = std::filesystem::canonical(script);
  CHECK(runnable_script(script) == real);
  REQUIRE(::symlink("x.sh", (scratch.path + "/link").c_str()) == 0);
  CHECK(runnable_script(scratch.path + "/link") == real);
  CHECK(runnable_script(scratch.path + "/../" + scratch.path.substr(scratch.path.rfind('/')) +
                        "//x.sh") == real);
}

TEST_CASE("a script that may not be run is refused with the reason") {
  const ScratchDirectory scratch;
  const std::string script = scratch.write("x.sh", 0755);
  CHECK(holds(refusal("x.sh"), "not an absolute path"));
  CHECK(holds(refusal(""), "not an absolute path"));
  CHECK(holds(refusal("/\xff"), "UTF-8"));
  CHECK(holds(refusal('/' + std::string(5000, 'x')), "too long"));
  CHECK(holds(refusal(script + "x"), "No such file"));
  CHECK(holds(refusal(script + "/x"), "Not a directory"));
  CHECK(holds(refusal(scratch.path), "is a directory"));
  REQUIRE(::symlink("none", (scratch.path + "/dangling").c_str()) == 0);
  CHECK(holds(refusal(scratch.path + "/dangling"), "is a dangling link"));
  REQUIRE(::symlink("loop", (scratch.path + "/loop").c_str()) == 0);
  CHECK(holds(refusal(scratch.path + "/loop"), "is a dangling link: Too many levels"));
  REQUIRE(::mkfifo((scratch.path + "/pipe").c_str(), 0700) == 0);
  CHECK(holds(refusal(scratch.path + "/pipe"), "not a regular file"));
  CHECK(holds(refusal(scratch.write("plain", 0644)), "is not executable"));
  CHECK(holds(refusal(scratch.write("open", 0757)), "can be written by others"));
  REQUIRE(::mkdir((scratch.path + "/d").c_str(), 0700) == 0);
  const std::string below = scratch.write("d/x.sh", 0755);
  CHECK(refusal(below).empty());
  REQUIRE(::chmod((scratch.path + "/d").c_str(), 0777) == 0);
  CHECK(holds(refusal(below), "can be written by others"));
  if (::geteuid() == 0) {
    REQUIRE(::chmod((scratch.path + "/d").c_str(), 0755) == 0);
    REQUIRE(::chown(below.c_str(), 12345, 12345) == 0);
    CHECK(holds(refusal(below), "belongs to user 12345"));
    REQUIRE(::chown(below.c_str(), 0, 0) == 0);
    REQUIRE(::chown((scratch.path + "/d").c_str(), 12345, 0) == 0);
    CHECK(holds(refusal(below), "belongs to user 12345"));
  }
}

}  // namespace jetpack::support
