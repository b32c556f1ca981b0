// Tests of the state of a bundle: disabled, enabled, and the count of its crashes.
#include "loader/plugin_state.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack {

namespace {

constexpr auto id = "com.example.gpu";

class Tree {
 public:
  Tree() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    const std::string state = path_ + "/plugins/state";
    for (const char* name : {"/com.example.gpu.json", "/.lock"}) ::unlink((state + name).c_str());
    ::rmdir(state.c_str());
    ::rmdir((path_ + "/plugins").c_str());
    ::rmdir(path_.c_str());
  }
  const std::string& path() const { return path_; }
  std::string file() const { return path_ + "/plugins/state/com.example.gpu.json"; }

 private:
  std::string path_ = support::temporary_directory() + "/state.XXXXXX";
};

}  // namespace

TEST_CASE("a bundle is enabled until it is disabled, and again afterwards") {
  const Tree tree;
  CHECK_FALSE(PluginState::read(tree.path(), id).disabled);
  disable_plugin(tree.path(), id, "by an administrator");
  CHECK(PluginState::read(tree.path(), id).disabled);
  CHECK(PluginState::read(tree.path(), id).reason == "by an administrator");
  enable_plugin(tree.path(), id);
  CHECK_FALSE(PluginState::read(tree.path(), id).disabled);
}

TEST_CASE("the third crash within a day disables it") {
  const Tree tree;
  CHECK_FALSE(record_crash(tree.path(), id, "SIGSEGV").disabled);
  CHECK_FALSE(record_crash(tree.path(), id, "SIGSEGV").disabled);
  const PluginState third = record_crash(tree.path(), id, "SIGABRT\n");
  CHECK(third.disabled);
  CHECK(third.crashes == 3);
  CHECK(PluginState::read(tree.path(), id).reason == "SIGABRT\\n");
  enable_plugin(tree.path(), id);
  CHECK(record_crash(tree.path(), id, "SIGSEGV").crashes == 1);
}

TEST_CASE("crashes of another day do not count") {
  const Tree tree;
  PluginState old;
  old.crashes = 2;
  old.first = 1'000'000'000'000;
  old.write(tree.path(), id);
  CHECK(PluginState::read(tree.path(), id).first == old.first);
  CHECK(record_crash(tree.path(), id, "SIGSEGV").crashes == 1);
}

TEST_CASE("a damaged state is an error until the bundle is enabled") {
  const Tree tree;
  disable_plugin(tree.path(), id, "why");
  for (const char* text : {"", "{", "{}", "[1]", R"({"disabled":"no"})"}) {
    support::write_durably(tree.file(), text, 0644);
    CHECK_THROWS_AS(PluginState::read(tree.path(), id), Error);
  }
  enable_plugin(tree.path(), id);
  CHECK_FALSE(PluginState::read(tree.path(), id).disabled);
  disable_plugin(tree.path(), id, "why");
  ::chmod(tree.file().c_str(), 0666);
  CHECK_THROWS_AS(PluginState::read(tree.path(), id), Error);
}

TEST_CASE("an identifier is no path") {
  for (const char* name : {"", "../x", "a/b", ".hidden", "a b"})
    CHECK_THROWS_AS(PluginState::read("/nonexistent", name), Error);
}

}  // namespace jetpack
