// Many files come from a locker at once: where they may be, and what a failure means to the others.
#include "services/storage/wanted.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/testing/temporary_directory.hpp"

namespace fs = std::filesystem;
using jetpack::Errc;
using jetpack::Error;
using jetpack::storage::BlobChanged;
using jetpack::storage::BlobInfo;
using jetpack::storage::OnFailure;
using jetpack::storage::Wanted;

namespace {

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// A locker that is a directory with some blobs, and where they are to be.
struct Transfer {
  Transfer() {
    for (const char* name : {"locker", "locker/d", "to"}) fs::create_directory(home.file(name));
    for (const char* name : {"a", "d/b", "d/c"}) home.write(std::string("locker/") + name, name);
    store->list("", [this](const BlobInfo& blob) {
      blobs.push_back(blob);
      return true;
    });
    root = jetpack::support::Fd(::open(to("").c_str(), O_PATH | O_DIRECTORY));
    for (const BlobInfo& blob : blobs) {
      Wanted& one = wanted.emplace_back(Wanted{&blob, to(blob.name)});
      one.root = root.get();
      one.below = blob.name;
    }
  }

  std::string to(const std::string& name) const { return home.file("to/" + name); }
  void run(OnFailure policy) { store->download_all(wanted, policy, watch); }
  // What became of the one, in words.
  std::string outcome(size_t index) const {
    const Wanted& one = wanted.at(index);
    if (one.done) return "done";
    if (!one.failure) return "not tried";
    try {
      std::rethrow_exception(one.failure);
    } catch (const Error& e) {
      return e.what();
    } catch (...) {
      return "?";
    }
  }
  bool says(size_t index, const std::string& text) const {
    return outcome(index).find(text) != std::string::npos;
  }

  jetpack::support::TemporaryDirectory home;
  std::unique_ptr<jetpack::storage::Store> store =
      jetpack::storage::open_directory_store(home.file("locker"), "locker.json");
  std::vector<BlobInfo> blobs;
  jetpack::support::Fd root;
  std::vector<Wanted> wanted;
  jetpack::storage::Watch watch;
};

}  // namespace

TEST_CASE("files come to where they belong, and their directories with them") {
  Transfer transfer;
  uint64_t last = 0;
  transfer.watch = [&](uint64_t done, uint64_t total) {
    CHECK(done >= last);
    CHECK(total == 7);
    last = done;
  };
  transfer.run(OnFailure::go_on);
  CHECK(last == 7);
  for (const BlobInfo& blob : transfer.blobs)
    CHECK(content_of(transfer.to(blob.name)) == blob.name);
  CHECK(std::distance(fs::recursive_directory_iterator(transfer.to("")), {}) == 4);
}

TEST_CASE("no link is followed, nothing but a file replaced, and the others come") {
  Transfer transfer;
  fs::create_directory(transfer.home.file("elsewhere"));
  fs::create_directory_symlink("../elsewhere", transfer.to("d"));
  fs::create_symlink("../elsewhere/x", transfer.to("a"));
  transfer.run(OnFailure::go_on);
  CHECK(transfer.says(0, "symbolic link"));
  CHECK(transfer.says(1, "cannot create directory"));
  CHECK(transfer.says(2, "neither followed nor replaced"));
  CHECK(fs::is_empty(transfer.home.file("elsewhere")));
  fs::remove(transfer.to("a"));
  fs::remove(transfer.to("d"));
  fs::create_directories(transfer.to("a/x"));
  transfer.wanted[0].failure = nullptr;
  transfer.run(OnFailure::go_on);
  CHECK(transfer.says(0, "is a directory"));
  CHECK(transfer.outcome(1) == "done");
  CHECK(content_of(transfer.to("d/c")) == "d/c");
}

TEST_CASE("what all would fail by ends all, and so does the caller") {
  Transfer transfer;
  transfer.watch = [](uint64_t, uint64_t) { throw Error(Errc::failed, "it was cancelled"); };
  CHECK_THROWS_WITH_AS(transfer.run(OnFailure::go_on), "it was cancelled", Error);
  CHECK(fs::is_empty(transfer.to("")));
  const auto of = [](Errc code) { return std::make_exception_ptr(Error(code, "x")); };
  CHECK(ends_all(OnFailure::go_on, of(Errc::denied)));
  CHECK(ends_all(OnFailure::go_on, of(Errc::unavailable)));
  CHECK_FALSE(ends_all(OnFailure::go_on, of(Errc::failed)));
  CHECK_FALSE(ends_all(OnFailure::go_on, std::make_exception_ptr(BlobChanged())));
  CHECK(ends_all(OnFailure::stop, of(Errc::failed)));
}

TEST_CASE("a file that is not the listed one is a change for a sync, and the newer for others") {
  for (const bool is_gone : {false, true}) {
    Transfer transfer;
    if (is_gone) {
      fs::remove(transfer.home.file("locker/d/b"));
    } else {
      transfer.home.write("locker/d/b", "newer");
    }
    CHECK_THROWS_AS(transfer.run(OnFailure::stop), BlobChanged);
    transfer.run(OnFailure::go_on);
    CHECK(transfer.says(1, is_gone ? "blob not found" : "done"));
    CHECK(content_of(transfer.to("d/b")) == (is_gone ? "" : "newer"));
    CHECK(content_of(transfer.to("d/c")) == "d/c");
  }
}

TEST_CASE("a file that has the blob's size and MD5 is there") {
  Transfer transfer;
  BlobInfo blob = transfer.blobs[0];
  Wanted one = transfer.wanted[0];
  one.blob = &blob;
  std::ofstream(transfer.to("a")) << "a";
  CHECK_FALSE(is_there(one));
  blob.md5 = "0cc175b9c0f1b6a831c399e269772661";
  CHECK(is_there(one));
  REQUIRE(one.done);
  CHECK(one.done->resumed == 1);
  CHECK(one.done->checked);
  one.fresh = true;
  CHECK_FALSE(is_there(one));
  one.fresh = false;
  std::ofstream(transfer.to("a")) << "b";
  CHECK_FALSE(is_there(one));
  fs::remove(transfer.to("a"));
  transfer.home.write("a", "a");
  fs::create_symlink("../a", transfer.to("a"));
  CHECK_FALSE(is_there(one));
}
