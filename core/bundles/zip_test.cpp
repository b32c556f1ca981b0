// Zip files: what is written is read again, and nothing else is.
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include <doctest/doctest.h>

#include "bundles/zip_reader.hpp"
#include "bundles/zip_writer.hpp"
#include "loader/refusal.hpp"
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

using namespace jetpack;
using namespace jetpack::bundles;

namespace {

// The bytes of a zip with these files.
std::string written(const std::vector<std::pair<std::string, std::string>>& files) {
  const support::TemporaryDirectory directory;
  const std::string path = directory.file("x.zip");
  const support::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ZipWriter zip(fd.get());
  for (const auto& [name, content] : files)
    zip.add(name, name.ends_with(".sh"), [&content = content](const Sink& sink) { sink(content); });
  zip.finish();
  return *support::read_file(path, 64 << 20);
}

std::string text_of(const Content& content, std::string_view path) {
  return content.read_small(path, 64 << 20);
}

void read_all(const std::string& bytes) {
  const MemoryReader file(bytes);
  const ZipReader zip(file);
  for (size_t i = 0; i < zip.entries().size(); ++i) zip.read(i, [](std::string_view) {});
}

}  // namespace

TEST_CASE("what is written is read again, sorted") {
  std::string large;
  for (int i = 0; large.size() < 300'000; ++i) large += std::to_string(i * 7919);
  const std::string bytes =
      written({{"plugin.json", "{}"}, {"share/large", large}, {"lib/run.sh", ""}});
  const MemoryReader file(bytes);
  const ZipReader zip(file);
  REQUIRE(zip.entries().size() == 3);
  CHECK(zip.entries()[0].path == "lib/run.sh");
  CHECK(zip.entries()[0].is_executable);
  CHECK_FALSE(zip.entries()[1].is_executable);
  CHECK(text_of(zip, "share/large") == large);
  CHECK(text_of(zip, "plugin.json") == "{}");
  CHECK_THROWS_AS(text_of(zip, "share/none"), Refusal);
  CHECK_THROWS_AS(zip.read_small("share/large", 1000), Refusal);
  CHECK(written({{"plugin.json", "{}"}, {"share/large", large}, {"lib/run.sh", ""}}) == bytes);
}

TEST_CASE("a zip that is cut anywhere, or has a byte changed, is refused or reads the same") {
  const std::string bytes = written({{"plugin.json", "{}"}, {"lib/x.so", "library"}});
  for (size_t size = 0; size < bytes.size(); ++size)
    CHECK_THROWS_AS(read_all(bytes.substr(0, size)), Refusal);
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    try {
      const MemoryReader file(changed);
      const ZipReader zip(file);
      if (zip.find("lib/x.so") == nullptr) continue;
      const std::string content = text_of(zip, "lib/x.so");
      CHECK(content == "library");
    } catch (const Refusal&) {
      continue;
    }
  }
}

TEST_CASE("paths that are no plain names inside the bundle are refused") {
  for (const char* path :
       {"plugin.json", "plugin.json.sig", "lib/x.so", "share/a/b c.txt", "share/\xC3\xA9"})
    CHECK_NOTHROW(check_path(path));
  for (const char* path :
       {"", "/", "lib", "lib/", "lib//x", "lib/./x", "lib/../x", "../lib/x", "/lib/x", "lib\\x",
        "lib/a:b", "lib/a\nb", "lib/\xFF", "lib/\xE2\x80\xAE", "bin/x", "plugin.json/x", "lib/x.",
        "lib/-rf", "lib/ x"})
    CHECK_THROWS_AS(check_path(path), Refusal);
}
