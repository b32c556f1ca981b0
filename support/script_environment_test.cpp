#include "support/script_environment.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include <jetpack/error.hpp>

namespace jetpack::support {

namespace {

bool has(const std::vector<std::string>& all, const std::string& entry) {
  return std::find(all.begin(), all.end(), entry) != all.end();
}

}  // namespace

TEST_CASE("specs come in the order of the list, without the server's own project") {
  const auto specs = specs_in(
      R"([{"project": "cyclecloud", "spec": "default"},
          {"project": "slurm", "version": "3.0.9", "spec": "execute"},
          {"project": "site", "version": null, "name": "1.0.0", "order": 3}])");
  REQUIRE(specs.size() == 2);
  CHECK(specs[0].project == "slurm");
  CHECK(specs[0].version == "3.0.9");
  CHECK(specs[0].name == "execute");
  CHECK(specs[1].version.empty());
  CHECK(specs[1].name == "1.0.0");
  CHECK(specs_in("[]").empty());
  CHECK(specs_in("null").empty());
}

TEST_CASE("a spec whose name leads elsewhere is refused") {
  for (const char* json :
       {R"([{"project": "../etc", "spec": "x"}])", R"([{"project": "p", "spec": ".."}])",
        R"([{"project": "p", "spec": "a\nb"}])", R"([{"project": "", "spec": "x"}])",
        R"([{"project": "p"}])", R"({"project": "p"})", R"(["p"])"}) {
    CAPTURE(json);
    CHECK_THROWS_AS(specs_in(json), Error);
  }
  CHECK(is_path_part("ü b.1"));
  CHECK_FALSE(is_path_part("a\x80"));
}

TEST_CASE("the environment of a script") {
  const auto env = script_environment("/opt/jp", "/mnt/ci", {"slurm", "3.0.9", "execute"});
  for (const char* entry :
       {"CYCLECLOUD_HOME=/opt/jp", "JETPACK_HOME=/opt/jp",
        "BOOTSTRAP_HOME=/opt/jp/system/bootstrap", "CYCLECLOUD_BOOTSTRAP=/opt/jp/system/bootstrap",
        "CYCLECLOUD_PROJECT_NAME=slurm", "CYCLECLOUD_PROJECT_VERSION=3.0.9",
        "CYCLECLOUD_PROJECT_PATH=/mnt/ci/slurm", "CYCLECLOUD_SPEC_NAME=execute",
        "CYCLECLOUD_SPEC_PATH=/mnt/ci/slurm/execute",
        "PATH=/opt/jp/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}) {
    CAPTURE(entry);
    CHECK(has(env, entry));
  }
  const auto is_set = [&](const char* name) {
    return std::any_of(env.begin(), env.end(), [&](const std::string& entry) {
      return entry.starts_with(name) && entry.size() > std::string(name).size();
    });
  };
  CHECK(is_set("HOME="));
  CHECK(is_set("SHELL="));
  CHECK(script_python("/nonexistent") == "python3");
}

}  // namespace jetpack::support
