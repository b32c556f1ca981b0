// Tests of files that appear with all that is in them.
#include "services/storage/whole_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <string>

#include <doctest/doctest.h>

#include "services/storage/partial_file.hpp"
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::storage {

namespace {

namespace fs = std::filesystem;

support::Fd opened(const std::string& path) {
  return support::Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

size_t count_of(const std::string& path) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("a file appears with all that is in it, and with the mode of a new one") {
  const support::TemporaryDirectory directory;
  const auto at = opened(directory.path());
  const mode_t before = ::umask(027);
  const std::string long_text(100'000, 'x');
  const bool has_nameless = write_whole(at.get(), "a", long_text) && write_whole(at.get(), "b", "");
  ::umask(before);
  // Where /tmp has no files without a name, nothing may be there.
  CHECK(count_of(directory.path()) == (has_nameless ? 2 : 0));
  if (!has_nameless) return;
  CHECK(support::read_file(directory.file("a"), 1 << 20) == long_text);
  CHECK(support::read_file(directory.file("b"), 1 << 20) == "");
  CHECK((fs::status(directory.file("a")).permissions() & fs::perms::all) == fs::perms{0640});
  CHECK(fs::hard_link_count(directory.file("a")) == 1);
}

TEST_CASE("a file that is there is replaced, and its mode stays") {
  const support::TemporaryDirectory directory;
  const auto at = opened(directory.path());
  directory.write("file", "old");
  fs::create_hard_link(directory.file("file"), directory.file("other"));
  fs::permissions(directory.file("file"), fs::perms{0751});
  const std::string long_text(100'000, 'x');
  REQUIRE(write_whole(at.get(), "file", long_text));
  CHECK(support::read_file(directory.file("file"), 1 << 20) == long_text);
  CHECK((fs::status(directory.file("file")).permissions() & fs::perms::all) == fs::perms{0751});
  CHECK(support::read_file(directory.file("other"), 100) == "old");
  CHECK(count_of(directory.path()) == 2);
}

TEST_CASE("a file that holds the same stays, and is as new as if it was written") {
  const support::TemporaryDirectory directory;
  const auto at = opened(directory.path());
  const std::string text(100'000, 'x');
  for (const std::string& content : {std::string(), text, text + 'y'}) {
    const std::string path = directory.write("file", content);
    const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), long_ago, 0) == 0);
    struct stat before {};
    struct stat after {};
    REQUIRE(::stat(path.c_str(), &before) == 0);
    REQUIRE(write_whole(at.get(), "file", content));
    REQUIRE(::stat(path.c_str(), &after) == 0);
    CHECK(after.st_ino == before.st_ino);
    CHECK(after.st_mtime > before.st_mtime);
  }
  // Of the same length, and other only at the end.
  REQUIRE(write_whole(at.get(), "file", text + 'z'));
  CHECK(support::read_file(directory.file("file"), 1 << 20) == text + 'z');
}

TEST_CASE("a file of another user is replaced by one of ours, with the mode of a new one") {
  if (::geteuid() != 0) return;
  const support::TemporaryDirectory directory;
  const auto at = opened(directory.path());
  for (const char* old : {"old", "new"}) {  // or what it is to be
    const std::string path = directory.write("file", old);
    REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
    REQUIRE(::chmod(path.c_str(), 0666) == 0);
    const mode_t before = ::umask(022);
    const bool is_written = write_whole(at.get(), "file", "new");
    ::umask(before);
    REQUIRE(is_written);
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK(info.st_uid == 0);
    CHECK((info.st_mode & 07777) == 0644);
  }
}

TEST_CASE("what has the name and is no file stays as it is") {
  const support::TemporaryDirectory directory;
  const auto at = opened(directory.path());
  fs::create_directory(directory.file("directory"));
  fs::create_symlink("nowhere", directory.file("link"));
  for (const char* name : {"directory", "link", ".", "..", "", "no/such"})
    CHECK_FALSE(write_whole(at.get(), name, "new"));
  CHECK(fs::is_empty(directory.file("directory")));
  CHECK(fs::is_symlink(directory.file("link")));
  CHECK(count_of(directory.path()) == 2);
}

TEST_CASE("a partial file that exists already is left to PartialFile") {
  const support::TemporaryDirectory directory;
  const auto at = opened(directory.path());
  directory.write("file", "old");
  directory.write(partial_name("file"), "half");
  CHECK_FALSE(write_whole(at.get(), "file", "new"));
  CHECK(support::read_file(directory.file("file"), 100) == "old");
  CHECK(support::read_file(directory.file(partial_name("file")), 100) == "half");
}

TEST_CASE("where no file can be created, none is") {
  const auto proc = opened("/proc");
  CHECK_FALSE(write_whole(proc.get(), "jetpack-test", "x"));
}

TEST_CASE("the last directory is kept open, and another one is opened") {
  const support::TemporaryDirectory directory;
  const auto at = opened(directory.path());
  const BlobInfo blob;
  const auto wanted = [&](const char* below) {
    Wanted one{&blob, directory.file(below)};
    one.root = at.get();
    one.below = below;
    return one;
  };
  LastDirectory last;
  const auto first = last.of(wanted("a/b/1"));
  CHECK(last.of(wanted("a/b/2")) == first);
  const auto second = last.of(wanted("a/1"));
  CHECK(second != first);
  CHECK(last.of(wanted("3")) != second);
  CHECK(fs::is_directory(directory.file("a/b")));
  // What holds the first one may still use it.
  CHECK(::faccessat(first->get(), ".", F_OK, 0) == 0);
  CHECK(last.of(Wanted{&blob, "anywhere"}) == nullptr);
}

}  // namespace jetpack::storage
