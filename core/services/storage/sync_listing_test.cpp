// Which files and directories a listing stands for.
#include "services/storage/sync_listing.hpp"

#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "services/storage/store.hpp"

using jetpack::Errc;
using jetpack::Error;
using jetpack::storage::BlobInfo;
using jetpack::storage::Listing;

namespace {

// A locker whose blobs are only listed.
class ListedStore : public jetpack::storage::Store {
 public:
  explicit ListedStore(std::vector<BlobInfo> blobs) : blobs_(std::move(blobs)) {}

  std::string address() override { return "az://a/c"; }
  void list(std::string_view prefix, const std::function<bool(const BlobInfo&)>& take) override {
    for (const BlobInfo& blob : blobs_)
      if (blob.name.starts_with(prefix) && !take(blob)) return;
  }
  std::optional<BlobInfo> properties(std::string_view) override { return std::nullopt; }
  jetpack::storage::Downloaded download(std::string_view, const std::string&, bool,
                                        const jetpack::storage::Watch&) override {
    return {};
  }
  void download_all(std::vector<jetpack::storage::Wanted>&, jetpack::storage::OnFailure,
                    const jetpack::storage::Watch&) override {}
  uint64_t upload(std::string_view, const std::string&, const jetpack::storage::Content&,
                  const jetpack::storage::Watch&) override {
    return 0;
  }
  void remove(std::string_view) override {}
  jetpack::storage::SignedAddress sign(const jetpack::storage::SignRequest&) override { return {}; }

 private:
  std::vector<BlobInfo> blobs_;
};

BlobInfo blob(std::string name, uint64_t bytes = 1, bool is_directory = false) {
  BlobInfo info;
  info.name = std::move(name);
  info.bytes = bytes;
  info.is_directory = is_directory;
  return info;
}

Listing listed(std::vector<BlobInfo> blobs, const std::string& prefix = "p") {
  ListedStore store(std::move(blobs));
  return jetpack::storage::list_for_sync(store, "az://a/c/p/", prefix);
}

std::string names_of(const Listing& listing) {
  std::string all;
  for (const auto& [name, info] : listing.files) all += name + ' ';
  for (const auto& name : listing.directories) all += name + "/ ";
  return all;
}

std::optional<Errc> failure_of(std::vector<BlobInfo> blobs) {
  try {
    listed(std::move(blobs));
  } catch (const Error& e) {
    return e.code();
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("names are those below the prefix, with or without its slash") {
  const std::vector<BlobInfo> blobs{blob("p/a"), blob("p/b/.c~"), blob("p-other"), blob("pp/x")};
  CHECK(names_of(listed(blobs)) == "a b/.c~ ");
  CHECK(names_of(listed(blobs, "p/")) == "a b/.c~ ");
  CHECK(names_of(listed(blobs, "")) == "p-other p/a p/b/.c~ pp/x ");
}

TEST_CASE("markers of directories are directories, and that of the prefix is nothing") {
  CHECK(names_of(listed({blob("p/", 0), blob("p/d/", 0), blob("p/e", 0, true)})) == "d/ e/ ");
  CHECK(names_of(listed({blob("p/d", 0), blob("p/d-a", 0), blob("p/d/x")})) == "d-a d/x d/ ");
  CHECK(names_of(listed({blob("p/d", 0, true), blob("p/d/x")})) == "d/x d/ ");
  // Empty, with nothing below it.
  CHECK(names_of(listed({blob("p/d", 0), blob("p/d.x")})) == "d d.x ");
  CHECK(names_of(listed({blob("p/", 0)})).empty());
}

TEST_CASE("what could not be files below one directory is an error") {
  for (const char* name : {"p/../x", "p/./x", "p/a//b", "p//a", "p/a\nb", "p/a\x7f", "p/\xff"})
    CHECK_MESSAGE(failure_of({blob(name)}) == Errc::corrupt, name);
  CHECK(failure_of({blob("p/a", 1), blob("p/a/b", 1)}) == Errc::corrupt);
  CHECK(failure_of({blob("p/a", 1), blob("p/a/", 0)}) == Errc::corrupt);
  CHECK(failure_of({}) == Errc::not_found);
  CHECK(failure_of({blob("q/x")}) == Errc::not_found);
}
