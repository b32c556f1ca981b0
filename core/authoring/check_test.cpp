#include "authoring/check.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <jetpack/error.hpp>
#include "support/program.hpp"

namespace jetpack::authoring {

namespace {

Note note_of(const std::string& text) { return Note({nullptr, text}); }

// The texts of what was found at a level.
std::vector<std::string> texts_of(const Findings& findings, Level level) {
  std::vector<std::string> texts;
  for (const auto& finding : findings.all())
    if (finding.level == level) texts.push_back(finding.text);
  return texts;
}

// A file with a content, removed at the end.
class File {
 public:
  explicit File(const std::string& content) {
    const int fd = ::mkstemp(path_);
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path_, std::ios::binary) << content;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::unlink(path_); }
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/jetpack-check.XXXXXX";
};

std::string own_program() {
  std::ifstream file(support::program_path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("Help texts that are complete have no warning") {
  const std::string text =
      R"({"schema":1,"id":"com.example.a","version":"1","abi":[1,0],)"
      R"("commands":[{"name":"a","summary":"Do it"}],"details":[{"command":"a",)"
      R"("options":[{"name":"n","help":"Number of them"}],"examples":[{"line":"jetpack a","help":"x"}]}]})";
  Findings findings("a.so");
  check_note(note_of(text), findings);
  CHECK(texts_of(findings, Level::warning).empty());
  CHECK(texts_of(findings, Level::error).empty());
  CHECK(findings.count(Level::ok) == 2);
}

TEST_CASE("Each fault of a help text is a warning") {
  const std::string text =
      R"({"schema":1,"id":"a","version":"1","abi":[1,0],)"
      R"("commands":[{"name":"a","summary":"do it."}],"details":[{"command":"a",)"
      R"("options":[{"name":"n"},{"name":"m","help":"Ends."}],"arguments":[{"name":"X","help":"small"}]}]})";
  Findings findings("a.so");
  check_note(note_of(text), findings);
  const auto warnings = texts_of(findings, Level::warning);
  CHECK(warnings ==
        std::vector<std::string>{"the summary of 'a' begins in lower case; begin with a capital",
                                 "the help of --n of 'a' is missing",
                                 "the help of --m of 'a' ends with a full stop; leave it out",
                                 "the help of X of 'a' begins in lower case; begin with a capital",
                                 "'a' has no example; people copy them",
                                 "'a' is not a reversed domain name: com.example.a"});
}

TEST_CASE("A faulty declaration is an error, though the listing can be read") {
  const std::string text =
      R"({"schema":1,"id":"com.example.a","version":"1","abi":[1,0],)"
      R"("commands":[{"name":"a","summary":"Do it"}],"details":[{"command":"a",)"
      R"("options":[{"name":"help","help":"Help"}]}]})";
  Findings findings("a.so");
  check_note(note_of(text), findings);
  CHECK(texts_of(findings, Level::error).size() == 1);
}

TEST_CASE("An image tells what it needs and how it binds") {
  const ElfImage image(support::program_path());
  CHECK(std::find(image.needed().begin(), image.needed().end(), "libc.so.6") !=
        image.needed().end());
  CHECK(image.binds_now());
  CHECK_FALSE(image.has_executable_stack());
  CHECK_FALSE(image.versions().empty());
  CHECK_FALSE(image.undefined().empty());
}

TEST_CASE("A file that is cut anywhere, or damaged, is an error or is read") {
  const std::string whole = own_program();
  for (size_t size = 0; size < 6000; size += 97) {
    const File file(whole.substr(0, size));
    CHECK_THROWS_AS(ElfImage(file.path()), Error);
  }
  unsigned seed = 1;
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole.substr(0, 1 << 16);
    for (int k = 0; k < 4; ++k) {
      seed = seed * 1103515245 + 12345;
      damaged[(seed >> 8) % 4096] = static_cast<char>(seed >> 3);
    }
    const File file(damaged);
    try {
      const ElfImage image(file.path());
      CHECK(image.size() == damaged.size());
    } catch (const Error& error) {
      CHECK(std::string(error.what()).starts_with(file.path()));
    }
  }
}

}  // namespace jetpack::authoring
