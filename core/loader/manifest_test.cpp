// Manifests of bundles: what a listing reads of them, and what is read on demand.
#include "loader/manifest.hpp"

#include <string>

#include <doctest/doctest.h>

#include "loader/refusal.hpp"

using jetpack::Manifest;
using jetpack::Refusal;

namespace {

const std::string digest(64, 'a');

std::string manifest_with(const std::string& members) {
  return R"({"schema":1,"id":"a.b","version":"1.0","abi":[1,0],"requires":[],)" + members + "}";
}

Manifest parsed(const std::string& members) {
  return Manifest::parse(manifest_with(members), "plugin.json");
}

}  // namespace

TEST_CASE("what is asked for is read, wherever it stands") {
  const Manifest manifest = parsed(
      R"("libraries":["lib/x.so"],"capabilities":["ptrace","bpf"],"limits":{"memory":1024,"wall":250},)"
      R"("platforms":["linux-x86_64"],"commands":[{"name":"x","summary":"s","library":"lib/x.so"}],)"
      R"("files":{"lib/x.so":{"sha256":")" +
      digest + R"(","size":7}})");
  CHECK(manifest.id() == "a.b");
  CHECK(manifest.libraries() == std::vector<std::string>{"lib/x.so"});
  CHECK(manifest.capabilities() == std::vector<std::string>{"ptrace", "bpf"});
  CHECK(manifest.limits().memory == 1024);
  CHECK(manifest.limits().wall_ms == 250);
  CHECK_FALSE(manifest.limits().cpu_ms.has_value());
  REQUIRE(manifest.file("lib/x.so"));
  CHECK(manifest.file("lib/x.so")->sha256 == digest);
  CHECK(manifest.file("lib/x.so")->size == 7);
  CHECK_FALSE(manifest.file("lib/y.so"));
}

TEST_CASE("a manifest without capabilities, limits and files has none") {
  const Manifest manifest = parsed(R"("libraries":["lib/x.so"],"commands":[])");
  CHECK(manifest.capabilities().empty());
  CHECK(manifest.limits() == jetpack::Limits{});
  CHECK_FALSE(manifest.file("lib/x.so"));
}

TEST_CASE("libraries of other machines are left out") {
  const std::string own = std::string("lib/") + jetpack::native_platform + "/x.so";
  const Manifest manifest =
      parsed(R"("libraries":["lib/linux-m68k/x.so",")" + own + R"(","lib/all.json"])");
  CHECK(manifest.libraries() == std::vector<std::string>{own, "lib/all.json"});
  CHECK_THROWS_AS(parsed(R"("libraries":["lib/linux-m68k/x.so"])"), Refusal);
}

TEST_CASE("what is faulty is refused when it is asked for") {
  const Manifest manifest =
      parsed(R"("libraries":["lib/x.so"],"capabilities":[7],"limits":{"memory":-1},"commands":[],)"
             R"("files":{"a":{"sha256":"AA","size":1},"b":{"sha256":")" +
             digest + R"(","size":-1},"c":3})");
  CHECK_THROWS_AS(manifest.capabilities(), Refusal);
  CHECK_THROWS_AS(manifest.limits(), Refusal);
  for (const char* path : {"a", "b", "c"}) CHECK_THROWS_AS(manifest.file(path), Refusal);
}

TEST_CASE("paths out of the bundle and a manifest without libraries are refused") {
  for (const char* library : {"../x.so", "/lib/x.so", "lib/../../x.so", ""})
    CHECK_THROWS_AS(parsed(R"("libraries":[")" + std::string(library) + "\"]"), Refusal);
  CHECK_THROWS_AS(parsed(R"("libraries":[])"), Refusal);
  CHECK_THROWS_AS(Manifest::parse("{}", "plugin.json"), Refusal);
}
