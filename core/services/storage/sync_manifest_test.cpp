// A manifest says what was written, and one that was damaged is not believed.
#include "services/storage/sync_manifest.hpp"

#include <sys/stat.h>

#include <doctest/doctest.h>

#include "support/testing/temporary_directory.hpp"

using jetpack::storage::BlobInfo;
using jetpack::storage::Manifest;

namespace {

Manifest some_manifest() {
  Manifest manifest{"az://a/c/p/", "boot", 1234567890123, {}};
  manifest.files["a"] = {"\"0x1\"", 5, 1'700'000'000'123'456'789,
                         "0cc175b9c0f1b6a831c399e269772661"};
  manifest.files["d/\u00e4 b"] = {"", 0, -1, ""};
  return manifest;
}

// Reads a manifest of this text; `warnings` counts what was said.
Manifest read_text(const std::string& text, int* warnings = nullptr, mode_t mode = 0600) {
  const jetpack::support::TemporaryDirectory directory;
  const std::string path = directory.write("manifest", text);
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  int count = 0;
  Manifest manifest = jetpack::storage::read_manifest(path, [&](const std::string&) { ++count; });
  if (warnings != nullptr) *warnings = count;
  return manifest;
}

std::string with_files(const std::string& files) {
  return R"({"source": "s", "boot": "b", "directory": 7, "files": [)" + files + "]}";
}

}  // namespace

TEST_CASE("what is written is read") {
  const jetpack::support::TemporaryDirectory directory;
  const std::string path = directory.file("manifest");
  const auto warn = [](const std::string& text) { FAIL(text); };
  CHECK(jetpack::storage::read_manifest(path, warn) == Manifest{});
  jetpack::storage::write_manifest(path, some_manifest());
  CHECK(jetpack::storage::read_manifest(path, warn) == some_manifest());
}

TEST_CASE("one bad value costs its file, not the others") {
  const std::string good =
      R"({"name": "good", "tag": "t", "bytes": 3, "modified": "4", "md5": "x"})";
  for (const char* bad :
       {"7", "null", "[]", "{}", R"({"name": 7, "tag": "t"})", R"({"name": "../x", "tag": "t"})",
        R"({"name": "/x", "tag": "t"})", R"({"name": "", "tag": "t"})", R"({"name": "a//b"})"}) {
    CAPTURE(bad);
    int warnings = -1;
    const Manifest manifest = read_text(with_files(std::string(bad) + ", " + good), &warnings);
    CHECK(warnings == 0);
    REQUIRE(manifest.files.size() == 1);
    CHECK(manifest.files.at("good") == jetpack::storage::SyncedFile{"t", 3, 4, "x"});
    CHECK(manifest.directory == 7);
  }
  // Values that no file has: it is transferred again.
  for (const char* bad : {R"("bytes": -1)", R"("bytes": "x")", R"("modified": "4x")",
                          R"("modified": 4)", R"("modified": "99999999999999999999")"}) {
    CAPTURE(bad);
    const auto manifest =
        read_text(with_files(R"({"name": "f", "tag": "t", )" + std::string(bad) + "}, " + good));
    REQUIRE(manifest.files.size() == 2);
    CHECK(manifest.files.at("f").bytes == 0);
    CHECK(manifest.files.at("f").modified == 0);
    CHECK(manifest.files.at("good").bytes == 3);
  }
}

TEST_CASE("a damaged manifest, or one that others could have written, is not believed") {
  int warnings = 0;
  for (const char* text : {"", "{", "[]", "7", R"({"files": 1})", R"({"source": "s"})"}) {
    CAPTURE(text);
    CHECK(read_text(text, &warnings) == Manifest{});
    CHECK(warnings == 1);
  }
  CHECK(read_text(with_files(""), &warnings, 0666) == Manifest{});
  CHECK(warnings == 1);
}

TEST_CASE("contents are distinguished by the ETag, else by the MD5") {
  BlobInfo blob;
  CHECK(tag_of(blob).empty());
  blob.md5 = "x";
  CHECK(tag_of(blob) == "md5 x");
  blob.etag = "\"1\"";
  CHECK(tag_of(blob) == "\"1\"");
}
