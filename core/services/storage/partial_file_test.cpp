// A partial file is taken up only by the same content, and replaces its destination whole.
#include "services/storage/partial_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/testing/temporary_directory.hpp"

using jetpack::Error;
using jetpack::storage::PartialFile;
using jetpack::storage::Range;
using jetpack::storage::Ranges;

namespace {

const PartialFile::Content some_content{"az://a/b/c", "\"1\"", 10};

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

PartialFile partial(const std::string& path) {
  return PartialFile(path, [] { FAIL("another process has it"); });
}

Ranges first_five() {
  Ranges ranges;
  ranges.add({0, 5});
  return ranges;
}

// Leaves half of it behind, as a process that was killed does.
void leave_half(const std::string& path) {
  auto file = partial(path);
  file.resume(some_content, false);
  file.write_at(0, "01234");
  file.record(first_five());
}

}  // namespace

TEST_CASE("what is there is taken up, and the destination replaced whole") {
  const jetpack::support::TemporaryDirectory directory;
  const std::string path = directory.write("x", "old");
  REQUIRE(::chmod(path.c_str(), 0751) == 0);
  leave_half(path);
  CHECK(content_of(path) == "old");
  auto file = partial(path);
  const Ranges there = file.resume(some_content, false);
  CHECK(there.text() == "0-4");
  file.write_at(5, "56789");
  file.finish();
  CHECK(content_of(path) == "0123456789");
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0751);
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("what was written is read back, from any place, and until that is enough") {
  const jetpack::support::TemporaryDirectory directory;
  const auto file = partial(directory.file("x"));
  std::string content;
  for (int i = 0; content.size() < 5'000'000; ++i) content += std::to_string(i);
  file.write_at(0, content);
  for (const Range& range : {Range{0, content.size()}, {1, 4096}, {2'100'001, 4'999'999}, {7, 7}}) {
    std::string got;
    file.read_back(range, [&](std::string_view piece) {
      got += piece;
      return true;
    });
    CHECK(got == content.substr(range.begin, range.end - range.begin));
  }
  int pieces = 0;
  file.read_back({0, content.size()}, [&](std::string_view) { return ++pieces < 2; });
  CHECK(pieces == 2);
}

TEST_CASE("what another process has cut off is an error when it is read back") {
  const jetpack::support::TemporaryDirectory directory;
  const auto file = partial(directory.file("x"));
  file.write_at(0, std::string(3'000'000, 'x'));
  REQUIRE(::truncate(directory.file(".x.jetpack-part").c_str(), 10'000) == 0);
  uint64_t got = 0;
  CHECK_THROWS_AS(file.read_back({0, 3'000'000},
                                 [&](std::string_view piece) {
                                   got += piece.size();
                                   return true;
                                 }),
                  Error);
  CHECK(got == 10'000);
}

TEST_CASE("another version, blob or length is started again, and so is what was asked to be") {
  const jetpack::support::TemporaryDirectory directory;
  const std::string path = directory.file("x");
  for (const auto& other : {PartialFile::Content{"az://a/b/c", "\"2\"", 10},
                            {"az://a/b/d", "\"1\"", 10},
                            {"az://a/b/c", "\"1\"", 11},
                            {"az://a/b/c", "", 10}}) {
    leave_half(path);
    CHECK(partial(path).resume(other, false).bytes() == 0);
  }
  leave_half(path);
  CHECK(partial(path).resume(some_content, true).bytes() == 0);
}

TEST_CASE("a state that cannot be trusted is none") {
  const jetpack::support::TemporaryDirectory directory;
  const std::string path = directory.file("x");
  for (const auto* state : {"", "{", "[]", R"({"there": "0-9"})"}) {
    leave_half(path);
    directory.write(".x.jetpack-state", state);
    CHECK(partial(path).resume(some_content, false).bytes() == 0);
  }
}

TEST_CASE("what another user has put in the place of the partial file is not written through") {
  const jetpack::support::TemporaryDirectory directory;
  const std::string victim = directory.write("victim", "precious");
  const std::string part = directory.file(".x.jetpack-part");
  for (const bool is_hard : {false, true}) {
    if (is_hard)
      std::filesystem::create_hard_link(victim, part);
    else
      std::filesystem::create_symlink(victim, part);
    auto file = partial(directory.file("x"));
    file.resume(some_content, false);
    file.write_at(0, "0123456789");
    file.finish();
    CHECK(content_of(victim) == "precious");
    CHECK(content_of(directory.file("x")) == "0123456789");
  }
}

TEST_CASE("a destination that is a link is replaced, not followed; a directory is refused") {
  const jetpack::support::TemporaryDirectory directory;
  const std::string victim = directory.write("victim", "precious");
  std::filesystem::create_symlink(victim, directory.file("x"));
  auto file = partial(directory.file("x"));
  file.resume({"b", "e", 0}, false);
  file.finish();
  CHECK(content_of(victim) == "precious");
  CHECK(content_of(directory.file("x")).empty());
  CHECK_THROWS_AS(partial(directory.path()), Error);
  CHECK_THROWS_AS(partial(directory.path() + "/"), Error);
  CHECK_THROWS_AS(partial("/dev/null"), Error);
  CHECK_THROWS_AS(partial(directory.file("none/x")), Error);
}

TEST_CASE("a name as long as the file system allows") {
  const jetpack::support::TemporaryDirectory directory;
  const std::string path = directory.file(std::string(255, 'n'));
  auto file = partial(path);
  file.resume(some_content, false);
  file.write_at(0, "0123456789");
  file.finish();
  CHECK(content_of(path) == "0123456789");
}

TEST_CASE("more than the disk holds is refused at once, and nothing stays") {
  const jetpack::support::TemporaryDirectory directory;
  auto file = partial(directory.file("x"));
  CHECK_THROWS_AS(file.resume({"b", "e", uint64_t{1} << 60}, false), Error);
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("one at a time; who waits finds what the other has left") {
  const jetpack::support::TemporaryDirectory directory;
  const std::string path = directory.file("x");
  std::optional<PartialFile> first(partial(path));
  first->resume(some_content, false);
  first->write_at(0, "01234");
  first->record(first_five());
  int waits = 0;
  PartialFile second(path, [&] {
    if (++waits == 2) first.reset();
  });
  CHECK(waits >= 2);
  CHECK(second.resume(some_content, false).text() == "0-4");
  CHECK_THROWS_AS(PartialFile(path, [] { throw Error(jetpack::Errc::failed, "enough"); }), Error);
}

TEST_CASE("what is longer than one write is in the file as it was, wherever it begins") {
  const jetpack::support::TemporaryDirectory directory;
  constexpr size_t unit = jetpack::storage::write_unit;
  std::string content(3 * unit + 11, 'x');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 251);
  const std::string path = directory.path() + "/x";
  auto file = partial(path);
  file.resume({"az://a/b/c", "\"1\"", content.size()}, false);
  file.write_at(0, std::string_view(content).substr(0, 5));
  file.write_at(unit + 1, std::string_view(content).substr(unit + 1));
  file.write_at(5, std::string_view(content).substr(5, unit - 4));
  file.finish();
  CHECK((content_of(path) == content));
}
