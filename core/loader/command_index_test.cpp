#include "loader/command_index.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack {

namespace {

constexpr std::string_view search_path = "/plugins:/more";

// What was changed long enough ago to be kept in an index.
void write_old(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  const timespec long_ago[] = {{1000, 0}, {1000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), long_ago, 0) == 0);
}

// An index of one plugin, which is `watched`; the file it is kept in. It waits until the time at which
// the file was made is over.
std::string make_index(const std::string& directory, const std::string& watched) {
  const std::string file = directory + "/commands.index";
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (::access(file.c_str(), F_OK) != 0 && std::chrono::steady_clock::now() < give_up) {
    CommandIndexWriter writer(search_path);
    writer.watch(watched);
    writer.watch(directory + "/absent");
    const size_t number = writer.add_plugin({'b', 4, "/one/lib.so"});
    writer.add_command({"disk", "Disks", number});
    writer.add_command({"gpu list", "GPUs", number});
    writer.save(file);
  }
  return file;
}

std::string text_of(const std::string& file) {
  return support::read_file(file, 1 << 20).value_or("");
}

}  // namespace

TEST_CASE("an index gives what was put into it, until what it was made from changes") {
  const support::TemporaryDirectory directory;
  const std::string watched = directory.path() + "/plugin.so";
  write_old(watched, "one");
  const std::string file = make_index(directory.path(), watched);
  const auto index = CommandIndex::read(file, search_path);
  REQUIRE(index);
  const auto* command = index->find("gpu list");
  REQUIRE(command != nullptr);
  CHECK(command->summary == "GPUs");
  CHECK(index->plugins()[command->plugin].path == "/one/lib.so");
  CHECK(index->plugins()[command->plugin].bundle_size == 4);
  CHECK(index->find("gpu") == nullptr);
  CHECK(index->commands().size() == 2);

  SUBCASE("overwritten in place, with its old time") { write_old(watched, "two"); }
  SUBCASE("replaced") {
    write_old(directory.path() + "/new", "one");
    REQUIRE(::rename((directory.path() + "/new").c_str(), watched.c_str()) == 0);
  }
  SUBCASE("removed") { REQUIRE(::unlink(watched.c_str()) == 0); }
  SUBCASE("what was absent is there") { write_old(directory.path() + "/absent", ""); }
  CHECK(!CommandIndex::read(file, search_path));
}

TEST_CASE("an index is used only where it can be trusted and is whole") {
  const support::TemporaryDirectory directory;
  const std::string watched = directory.path() + "/plugin.so";
  write_old(watched, "one");
  const std::string file = make_index(directory.path(), watched);
  const std::string text = text_of(file);
  REQUIRE(CommandIndex::read(file, search_path));
  CHECK(!CommandIndex::read(file, "/plugins"));
  CHECK(!CommandIndex::read(directory.path() + "/absent", search_path));
  CHECK(!CommandIndex::read(directory.path(), search_path));

  for (size_t size = 0; size < text.size(); ++size) {
    std::ofstream(file) << text.substr(0, size);
    CHECK_MESSAGE(!CommandIndex::read(file, search_path), size);
  }
  for (const std::string more : {"x", "e\n", "c 0 a\tb\n", "\n"}) {
    std::ofstream(file) << text << more;
    CHECK_MESSAGE(!CommandIndex::read(file, search_path), more);
  }
  for (const std::string line :
       {"c 7 a\tb", "c x a\tb", "c 0 a", "p b 99 /x", "p bb 0 /x", "p", "q x", ""}) {
    std::ofstream(file) << text.substr(0, text.size() - 2) << line << "\ne\n";
    CHECK_MESSAGE(!CommandIndex::read(file, search_path), line);
  }
  std::ofstream(file) << text;
  REQUIRE(CommandIndex::read(file, search_path));
  REQUIRE(::chmod(file.c_str(), 0664) == 0);
  CHECK(!CommandIndex::read(file, search_path));
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  REQUIRE(::rename(file.c_str(), (file + ".real").c_str()) == 0);
  REQUIRE(::symlink((file + ".real").c_str(), file.c_str()) == 0);
  CHECK(!CommandIndex::read(file, search_path));
  if (::geteuid() != 0) return;
  REQUIRE(::rename((file + ".real").c_str(), file.c_str()) == 0);
  REQUIRE(::chown(file.c_str(), 12345, 12345) == 0);
  CHECK(!CommandIndex::read(file, search_path));
}

TEST_CASE("what was changed just now is not kept, nor what a line cannot hold") {
  const support::TemporaryDirectory directory;
  const std::string file = directory.path() + "/commands.index";
  const std::string watched = directory.path() + "/plugin.so";
  write_old(watched, "one");
  const timespec later[] = {{4'000'000'000, 0}, {4'000'000'000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, watched.c_str(), later, 0) == 0);
  CommandIndexWriter recent(search_path);
  recent.watch(watched);
  recent.save(file);
  CHECK(::access(file.c_str(), F_OK) != 0);

  CommandIndexWriter broken("/a\nb");
  broken.save(file);
  CHECK(::access(file.c_str(), F_OK) != 0);
}

}  // namespace jetpack
