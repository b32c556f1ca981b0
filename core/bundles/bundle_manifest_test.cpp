// Manifests as installing needs them, indexes, and the order of versions.
#include "bundles/bundle_manifest.hpp"

#include <string>

#include <doctest/doctest.h>

#include "bundles/index.hpp"
#include "loader/refusal.hpp"

using namespace jetpack;
using namespace jetpack::bundles;

namespace {

const std::string digest(64, 'a');

BundleManifest sample() {
  BundleManifest manifest;
  manifest.id = "a.b";
  manifest.version = "1.0";
  manifest.abi_major = 1;
  manifest.libraries = {"lib/x.so"};
  manifest.commands = {{"x", "Do x", "lib/x.so"}};
  manifest.files["lib/x.so"] = {digest, 7};
  return manifest;
}

std::string offer(const std::string& url) {
  return R"({"schema":1,"bundles":[{"id":"a.b","version":"1","url":")" + url + R"(","sha256":")" +
         digest + R"("}]})";
}

}  // namespace

TEST_CASE("a manifest that is written is read again") {
  BundleManifest manifest = sample();
  manifest.needed = {"jetpack.config/1"};
  manifest.capabilities = {"bpf"};
  manifest.limits.memory = 1 << 20;
  manifest.platforms = {"linux-x86_64"};
  const std::string text = manifest.text();
  const auto again = BundleManifest::parse(text);
  CHECK(again.text() == text);
  CHECK(again.limits == manifest.limits);
  CHECK(again.commands == manifest.commands);
  CHECK(again.files.at("lib/x.so").size == 7);
}

TEST_CASE("manifests that two readers could read differently are refused") {
  const std::string text = sample().text();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  CHECK_NOTHROW(BundleManifest::parse(text));
  for (const auto& bad :
       {with("\"id\":\"a.b\"", "\"id\":\"..\""), with("\"version\":\"1.0\"", "\"version\":\"a/b\""),
        with("\"requires\"", "\"unknown\":1,\"requires\""), with("\"size\":7", "\"size\":-7"),
        with("\"lib/x.so\":{", "\"lib/../x.so\":{"), with("\"size\":7", "\"size\":\"7\""),
        with("[1,0]", "[1]"), with("\"files\"", "\"id\":\"c\",\"files\""),
        with("\"libraries\":[\"lib/x.so\"]", "\"libraries\":[\"lib/y.so\"]"), std::string("[]"),
        std::string()})
    CHECK_THROWS_AS(BundleManifest::parse(bad), Refusal);
}

TEST_CASE("versions are ordered as people mean them") {
  const char* const ordered[] = {"0.9",     "1.0-alpha", "1.0-rc1", "1.0-rc2", "1.0-rc10",
                                 "1.0",     "1.0.1",     "1.2",     "1.10",    "1.10.0",
                                 "2.0~rc1", "2.0",       "10.0"};
  for (size_t i = 0; i < std::size(ordered); ++i)
    for (size_t j = 0; j < std::size(ordered); ++j) {
      const int order = compare_versions(ordered[i], ordered[j]);
      CHECK_MESSAGE((i < j   ? order < 0
                     : i > j ? order > 0
                             : order == 0),
                    ordered[i], " and ", ordered[j]);
    }
}

TEST_CASE("an index says where its bundles are") {
  const auto location = [](const std::string& url, const std::string& index) {
    return parse_index(offer(url), index).at(0).location;
  };
  CHECK(location("x.jpb", "https://h/p/index.json") == "https://h/p/x.jpb");
  CHECK(location("d/x.jpb", "locker:index.json") == "locker:d/x.jpb");
  CHECK(location("x.jpb", "locker:p/index.json") == "locker:p/x.jpb");
  CHECK(location("x.jpb", "/srv/index.json") == "/srv/x.jpb");
  CHECK(location("https://o/x.jpb", "locker:index.json") == "https://o/x.jpb");
  for (const char* url : {"http://h/x.jpb", "/etc/x.jpb", "../x.jpb", "file:///x.jpb"})
    CHECK_THROWS_AS(parse_index(offer(url), "https://h/index.json"), Refusal);
  CHECK_THROWS_AS(parse_index("{}", "x"), Refusal);
  CHECK_THROWS_AS(parse_index("nothing", "x"), Refusal);
}

TEST_CASE("the newest offer for this machine is chosen") {
  std::vector<Offer> offers(4);
  for (auto& one : offers) one.id = "a.b";
  offers[0].version = "1.9";
  offers[1].version = "1.10";
  offers[2].version = "2.0";
  offers[2].platforms = {"linux-m68k"};
  offers[3].version = "0.1";
  CHECK(newest(offers, "a.b", "")->version == "1.10");
  CHECK(newest(offers, "a.b", "0.1")->version == "0.1");
  CHECK(newest(offers, "a.b", "2.0") == nullptr);
  CHECK(newest(offers, "other", "") == nullptr);
}
