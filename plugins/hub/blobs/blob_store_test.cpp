// Tests of the blob store and of block lists.
#include "blobs/blob_store.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "blobs/blob_error.hpp"
#include "blobs/block_list.hpp"
#include "support/testing/temporary_directory.hpp"

using namespace jetpack::hub;
namespace support = jetpack::support;

namespace {

const BlobCondition always = [](const BlobProperties*) {};

struct Stored {
  support::TemporaryDirectory directory;
  BlobStore store{directory.file("blobs")};

  Stored() { store.create_container("box"); }

  void put(const std::string& name, const std::string& content) {
    BlobWriter writer = store.start();
    writer.write(content);
    store.commit(writer, "box", name, {}, always);
  }

  std::string get(const std::string& name) const {
    const auto blob = store.open("box", name);
    if (!blob) return "(none)";
    std::string content(blob->properties.bytes, '\0');
    const ssize_t got = ::read(blob->file.get(), content.data(), content.size());
    return content.substr(0, static_cast<size_t>(got));
  }

  void block(const std::string& name, const std::string& id, const std::string& content) {
    BlobWriter writer = store.start();
    writer.write(content);
    store.keep_block(writer, "box", name, id);
  }

  std::string names(const std::string& prefix = "", const std::string& after = "",
                    bool is_grouped = false, size_t most = 1000) const {
    std::string found;
    store.list("box", prefix, after, is_grouped, [&](const ListedBlob& blob) {
      found += (found.empty() ? "" : " ") + blob.name;
      return --most > 0;
    });
    return found;
  }

  size_t files() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.file("blobs")))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
};

}  // namespace

TEST_CASE("a blob is kept with its properties, and replaced whole") {
  Stored box;
  BlobWriter writer = box.store.start();
  writer.write("hello");
  CHECK(writer.md5() == "XUFAKrxLKna5cZ2REBfFkg==");
  BlobProperties properties;
  properties.headers = {{"content-type", "text/plain"}, {"x-ms-meta-a", "\"\xC3\xA4\""}};
  const auto stored = box.store.commit(writer, "box", "a/b.txt", properties, always);
  const auto blob = box.store.open("box", "a/b.txt");
  REQUIRE(blob);
  CHECK(blob->properties.bytes == 5);
  CHECK(blob->properties.etag == stored.etag);
  CHECK(blob->properties.header("content-type") == "text/plain");
  CHECK(blob->properties.header("x-ms-meta-a") == "\"\xC3\xA4\"");
  box.put("a/b.txt", "");
  CHECK(box.get("a/b.txt").empty());
  CHECK(box.store.open("box", "a/b.txt")->properties.etag != stored.etag);
  CHECK(box.files() == 1);
}

TEST_CASE("a blob and a directory may have the same name") {
  Stored box;
  for (const char* name : {"a", "a/b", "a/b/c", "a%blob", "a%25", "a%", "a.b"}) box.put(name, name);
  for (const char* name : {"a", "a/b", "a/b/c", "a%blob", "a%25", "a%", "a.b"})
    CHECK(box.get(name) == name);
  CHECK(box.names() == "a a% a%25 a%blob a.b a/b a/b/c");
}

TEST_CASE("names that would leave the directory, or mean nothing, are refused") {
  Stored box;
  for (const std::string& name :
       {std::string(), std::string("/a"), std::string("../a"), std::string("a/../b"),
        std::string("a//b"), std::string("a/"), std::string("."), std::string("a\0b", 3),
        std::string("a\nb"), std::string("a\xFF"), std::string(201, 'x'), std::string(1025, '/')}) {
    CHECK_THROWS_AS(box.store.open("box", name), BlobError);
    CHECK_THROWS_AS(box.put(name, "x"), BlobError);
  }
  for (const char* name : {"", "..", ".waiting", "a", "Box", "a--b", "-ab", "a/b"})
    CHECK_THROWS_AS(box.store.create_container(name), BlobError);
  CHECK(box.files() == 0);
}

TEST_CASE("a listing is in the order of the names and goes on after any of them") {
  Stored box;
  for (const char* name : {"b", "a/2", "a/10", "a-b", "a/1", "a0", "c/d/e", "c/f"})
    box.put(name, "");
  CHECK(box.names() == "a-b a/1 a/10 a/2 a0 b c/d/e c/f");
  CHECK(box.names("a/") == "a/1 a/10 a/2");
  CHECK(box.names("a/1") == "a/1 a/10");
  CHECK(box.names("c/d/e") == "c/d/e");
  CHECK(box.names("x").empty());
  CHECK(box.names("", "", true) == "a-b a/ a0 b c/");
  CHECK(box.names("c/", "", true) == "c/d/ c/f");
  std::string after, all;
  for (std::string page = box.names("", "", false, 1); !page.empty();
       page = box.names("", after, false, 1)) {
    all += page + " ";
    after = page;
  }
  CHECK(all == "a-b a/1 a/10 a/2 a0 b c/d/e c/f ");
  after.clear(), all.clear();
  for (std::string page = box.names("", "", true, 1); !page.empty();
       page = box.names("", after, true, 1)) {
    all += page + " ";
    after = page;
  }
  CHECK(all == "a-b a/ a0 b c/ ");
}

TEST_CASE("a blob is made of blocks in the order of the list") {
  Stored box;
  box.block("a/b", "MDAx", "one ");
  box.block("a/b", "MDAy", "two ");
  box.block("a/b", "MDAz", "never");
  CHECK(box.get("a/b") == "(none)");
  CHECK_THROWS_AS(box.block("a/b", "MDE=", "of another length"), BlobError);
  CHECK_THROWS_AS(box.block("a/b", "no base64", ""), BlobError);
  CHECK_THROWS_AS(box.store.commit_blocks({"MDAx", "MDA0"}, "box", "a/b", {}, always), BlobError);
  CHECK(box.get("a/b") == "(none)");
  CHECK(box.store.commit_blocks({"MDAy", "MDAx", "MDAy"}, "box", "a/b", {}, always).bytes == 12);
  CHECK(box.get("a/b") == "two one two ");
  CHECK(box.files() == 1);
  CHECK_THROWS_AS(box.store.commit_blocks({"MDAx"}, "box", "a/b", {}, always), BlobError);
  CHECK(box.store.commit_blocks({}, "box", "empty", {}, always).bytes == 0);
}

TEST_CASE("a condition that does not hold changes nothing") {
  Stored box;
  box.put("a", "before");
  const BlobCondition never = [](const BlobProperties* blob) {
    CHECK(blob != nullptr);
    throw BlobError(412, "ConditionNotMet", "no");
  };
  {
    BlobWriter writer = box.store.start();
    writer.write("after");
    CHECK_THROWS_AS(box.store.commit(writer, "box", "a", {}, never), BlobError);
  }
  CHECK_THROWS_AS(box.store.remove("box", "a", never), BlobError);
  CHECK(box.get("a") == "before");
  CHECK(box.files() == 1);
}

TEST_CASE("what is removed leaves no empty directories") {
  Stored box;
  box.put("a/b/c", "");
  box.put("a/d", "");
  CHECK(box.store.remove("box", "a/b/c", always));
  CHECK_FALSE(box.store.remove("box", "a/b/c", always));
  CHECK_FALSE(std::filesystem::exists(box.directory.file("blobs/box/a/b")));
  CHECK(box.store.remove("box", "a/d", always));
  CHECK(std::filesystem::is_empty(box.directory.file("blobs/box")));
}

TEST_CASE("a node's blobs and blocks count for it and for its cluster") {
  const support::TemporaryDirectory directory;
  StorageQuotas quotas;
  quotas.reports_mib_per_node = 1;
  quotas.reports_mib_per_cluster = 2;
  quotas.disk_reserve_mib = 0;
  constexpr uint64_t half = 512 << 10;
  BlobStore store(directory.file("blobs"), quotas);
  store.create_container("reports");
  const auto start = [&store](const std::string& name, uint64_t bytes, bool is_admin = false) {
    const std::string blob = "issues/" + name;
    return store.start({{"reports", blob}, bytes, store.bytes_of("reports", blob), is_admin});
  };
  const auto put = [&](const std::string& name, uint64_t bytes, bool is_admin = false) {
    BlobWriter writer = start(name, bytes, is_admin);
    writer.write(std::string(bytes, 'x'));
    store.commit(writer, "reports", "issues/" + name, {}, always);
  };
  const auto keep = [&](const std::string& name, const std::string& id, uint64_t bytes) {
    BlobWriter writer = start(name, bytes);
    writer.write(std::string(bytes, 'x'));
    store.keep_block(writer, "reports", "issues/" + name, id);
  };
  const auto refuses = [](auto action) {
    try {
      action();
    } catch (const BlobError& refusal) {
      CHECK(refusal.status() == 413);
      return std::string(refusal.what());
    }
    return std::string();
  };
  // Blocks count before they are a blob, and each time that a list names them.
  keep("c/n/a", "MDAx", half);
  CHECK(refuses([&] { put("c/n/b", half + 1); }).find("reports-mib-per-node of 1 MiB") !=
        std::string::npos);
  const auto commit = [&](const std::vector<std::string>& ids) {
    store.commit_blocks(ids, "reports", "issues/c/n/a", {}, always, false);
  };
  CHECK_FALSE(refuses([&] { commit({"MDAx", "MDAx", "MDAx"}); }).empty());
  commit({"MDAx"});
  put("c/n/a", half);  // what it replaces counts no more
  CHECK_FALSE(refuses([&] { put("c/n/b", half); }).empty());
  // What others use, and an upload that goes on.
  {
    const BlobWriter going_on = start("c/m/a", half);
    CHECK_FALSE(refuses([&] { put("c/m/b", 2 * half); }).empty());
  }
  put("c/m/b", half);
  put("c/o/a", half);
  CHECK(refuses([&] { put("c/p/a", 2 * half); }).find("reports-mib-per-cluster") !=
        std::string::npos);
  put("other/n/a", half);
  put("c/n/admin", 4 * half, true);
  CHECK(store.remove("reports", "issues/c/n/admin", always));
  // Another store, as after a restart, finds the same.
  keep("c/m/c", "MDAx", 1);
  BlobStore again(directory.file("blobs"), quotas);
  again.recount();
  const auto can = [&](const std::string& name, uint64_t bytes) {
    return refuses([&] { again.start({{"reports", "issues/" + name}, bytes, 0, false}); }).empty();
  };
  CHECK_FALSE(can("c/n/b", half));
  CHECK_FALSE(can("c/m/d", half - 4096));
  CHECK(can("c/m/d", half - 16'384));
  CHECK(can("other/n/b", half - 4096));
}

TEST_CASE("many empty files are not free") {
  const support::TemporaryDirectory directory;
  StorageQuotas quotas;
  quotas.reports_mib_per_node = 1;
  quotas.disk_reserve_mib = 0;
  BlobStore store(directory.file("blobs"), quotas);
  store.create_container("reports");
  int stored = 0;
  try {
    for (; stored < 1000; ++stored) {
      const std::string name = "issues/c/n/" + std::to_string(stored);
      BlobWriter writer = store.start({{"reports", name}, 0, 0, false});
      store.commit(writer, "reports", name, {}, always);
    }
  } catch (const BlobError&) {
  }
  CHECK(stored <= 256);
  CHECK(stored > 200);
}

TEST_CASE("a file that is not a blob is reported, not served") {
  Stored box;
  std::ofstream(box.directory.file("blobs/box/a%blob"))
      << "just a file, and long enough to have an end";
  CHECK_THROWS_AS(box.store.open("box", "a"), jetpack::Error);
  std::ofstream(box.directory.file("blobs/box/a%blob")) << "ffffffffjpblob1\n";
  CHECK_THROWS_AS(box.store.open("box", "a"), jetpack::Error);
}

TEST_CASE("a block list is read") {
  CHECK(parse_block_list("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList>\n "
                         "<Latest>YQ==</Latest><Uncommitted>Yg==</Uncommitted>\n</BlockList>\n") ==
        std::vector<std::string>{"YQ==", "Yg=="});
  CHECK(parse_block_list("<BlockList />").empty());
  for (const char* bad :
       {"", "<", "<BlockList>", "<BlockList></BlockList>x", "<BlockList><Latest>a</BlockList>",
        "<BlockList><Latest>a</Uncommitted></BlockList>", "<BlockList><Committed>a</Committed>",
        "<!DOCTYPE x><BlockList></BlockList>", "<BlockList><Other>a</Other></BlockList>"})
    CHECK_THROWS_AS(parse_block_list(bad), BlobError);
}
