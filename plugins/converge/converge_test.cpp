// Tests of the parts of converge that run no script.
#include <filesystem>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "converge/history.hpp"
#include "converge/markers.hpp"
#include "converge/progress.hpp"
#include "converge/runner.hpp"
#include "converge/script.hpp"
#include "converge/specs.hpp"
#include "converge/stages.hpp"
#include "converge/state.hpp"
#include "support/files.hpp"
#include "support/sha256.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::converge {

namespace {

using support::Spec;
using support::TemporaryDirectory;

const Instance here{"vm-1", "machine-1"};

std::vector<std::string> names_of(const Stages& stages) {
  std::vector<std::string> names;
  for (const auto& script : stages.scripts) names.push_back(script.key);
  return names;
}

}  // namespace

TEST_CASE("stages: order by bytes, only .sh, install and activate around all scripts") {
  const TemporaryDirectory directory;
  for (const char* name : {"2-b.sh", "10-a.sh", "a b.sh", "\xC3\xBC.sh", ".hidden.sh", "x.sh~",
                           "x.sh.bak", "README.txt", "95.execute.sh-unused", "B.SH"})
    directory.write("p/one/scripts/" + std::string(name), "true\n");
  std::filesystem::create_directories(directory.file("p/one/scripts/x.sh"));
  std::filesystem::create_symlink("nowhere", directory.file("p/one/scripts/dangling.sh"));
  std::filesystem::create_symlink("cycle.sh", directory.file("p/one/scripts/cycle.sh"));
  std::filesystem::create_symlink("10-a.sh", directory.file("p/one/scripts/linked.sh"));
  directory.write("p/one/stages/activate.sh", "true\n");
  directory.write("q/two.0/stages/install.sh", "true\n");
  directory.write("q/two.0/stages/other.sh", "true\n");
  directory.write("q/two.0/scripts/00.sh", "true\n");
  const auto stages =
      find_stages(directory.path(), {{"p", "1.0.0", "one"}, {"q", "2", "two.0"}, {"r", "1", "no"}});
  CHECK(names_of(stages) ==
        std::vector<std::string>{"q/two.0/stages/install.sh", "p/one/scripts/10-a.sh",
                                 "p/one/scripts/2-b.sh", "p/one/scripts/a b.sh",
                                 "p/one/scripts/linked.sh", "p/one/scripts/\xC3\xBC.sh",
                                 "q/two.0/scripts/00.sh", "p/one/stages/activate.sh"});
  CHECK(stages.ignored.size() == 9);
  CHECK(stages.scripts[0].stage == Stage::install);
  CHECK(stages.scripts[0].spec == 1);
}

TEST_CASE("instances: what is not known of one does not make it another") {
  CHECK(is_same(here, {"vm-1", ""}));
  CHECK(is_same(here, {"", ""}));
  CHECK_FALSE(is_same(here, {"vm-2", "machine-1"}));
  CHECK_FALSE(is_same(here, {"vm-1", "machine-2"}));
}

TEST_CASE("the state survives, but not on another instance") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("state");
  {
    State state(path, here);
    CHECK(state.is_new());
    state.open();
    CHECK_FALSE(state.is_new());
    state.put("a", {"1", "v", "d", "t"});
    state.put("b", {"2", "v", "d", "t"});
    state.put("c", {"3", "v", "d", "t"});
    state.mark("a");
    state.forget("c");
  }
  const State again(path, {"vm-1", ""});
  CHECK_FALSE(again.is_new());
  CHECK(again.records().size() == 2);
  REQUIRE(again.find("a") != nullptr);
  CHECK(again.find("a")->marked);
  CHECK(again.find("a")->sha256 == "1");
  CHECK_FALSE(again.find("b")->marked);
  CHECK(State(path, {"vm-2", "machine-1"}).is_new());
  CHECK(State(path, {"vm-1", "machine-2"}).find("a") == nullptr);
}

TEST_CASE("the state: what was not known is learned, and then counts") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("state");
  State(path, {"", "machine-1"}).open();
  State(path, {"vm-1", ""}).open();
  CHECK_FALSE(State(path, {"", ""}).is_new());
  CHECK(State(path, {"vm-2", ""}).is_new());
  CHECK(State(path, {"", "machine-2"}).is_new());
}

TEST_CASE("the state: torn and damaged lines") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("state");
  {
    State state(path, here);
    state.open();
    state.put("a", {"1", "v", "d", "t"});
    state.put("b", {"2", "v", "d", "t"});
  }
  const std::string whole = *support::read_file(path, 1 << 20);
  for (size_t size = 0; size <= whole.size(); ++size) {
    support::write_durably(path, whole.substr(0, size), 0600);
    State state(path, here);
    const size_t before = state.records().size();
    state.open();
    state.put("c", {"3", "v", "d", "t"});
    const State again(path, here);
    CHECK_FALSE(again.is_new());
    CHECK(again.records().size() == before + 1);
    CHECK(again.warnings().empty());
  }
  support::write_durably(path, whole + "{garbage\n\n" + whole.substr(0, whole.find('\n') + 1),
                         0600);
  const State damaged(path, here);
  CHECK(damaged.records().size() == 2);
  CHECK(damaged.warnings().size() == 2);
}

TEST_CASE("the state is rewritten before it grows without end") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("state");
  for (int i = 0; i < 200; ++i) {
    State state(path, here);
    state.open();
    state.put("a", {"1", "v", "d", "t"});
  }
  CHECK(std::filesystem::file_size(path) < 4096);
  CHECK(State(path, here).records().size() == 1);
}

TEST_CASE("decisions") {
  Record known{"hash", "1", "disk", "then", "boot"};
  const auto verdict = [&](bool has_marker, const char* disk, const char* boot, const char* hash,
                           bool reruns = false) {
    return decide({&known, has_marker, disk, boot, hash, reruns}).verdict;
  };
  CHECK(decide({nullptr, false, "disk", "boot", "hash"}).verdict == Verdict::run);
  CHECK(decide({nullptr, true, "disk", "boot", "hash"}).verdict == Verdict::skip);
  // Its marker was removed, unless it is not there for another reason.
  CHECK(verdict(true, "disk", "boot", "hash") == Verdict::skip);
  CHECK(verdict(false, "disk", "boot", "hash") == Verdict::run);
  CHECK(verdict(false, "disk", "boot", "edited") == Verdict::run);
  CHECK(verdict(false, "other", "boot", "hash") == Verdict::skip);
  CHECK(verdict(false, "", "boot", "hash") == Verdict::skip);
  CHECK(verdict(false, "disk", "later", "hash") == Verdict::skip);
  CHECK(verdict(false, "disk", "", "hash") == Verdict::skip);
  CHECK(verdict(true, "disk", "boot", "edited") == Verdict::edited);
  CHECK(verdict(true, "disk", "boot", "edited", true) == Verdict::run);
  CHECK(verdict(false, "other", "boot", "edited") == Verdict::edited);
  CHECK(verdict(true, "disk", "boot", "") == Verdict::skip);
  known.marked = true;
  CHECK(verdict(false, "disk", "later", "hash") == Verdict::run);
  CHECK(verdict(false, "other", "later", "hash") == Verdict::skip);
  // The marker could not be written.
  known.marked = false;
  known.boot.clear();
  CHECK(verdict(false, "disk", "boot", "hash") == Verdict::skip);
}

TEST_CASE("markers, and whose they are") {
  const TemporaryDirectory directory;
  Markers markers(directory.path());
  CHECK(markers.disk().empty());
  markers.name_disk();
  CHECK(Markers(directory.path()).disk() == markers.disk());
  markers.write("p/s/scripts/a.sh", {"1", "v", "d", "t"}, here);
  CHECK(std::filesystem::exists(directory.file(".run/p/s/scripts/a.sh.run")));
  CHECK(markers.exists("p/s/scripts/a.sh"));
  CHECK(markers.sync({"p/s/scripts/a.sh", "p/s/scripts/b.sh"}) ==
        std::vector<std::string>{"p/s/scripts/a.sh"});
  directory.write(".run/p/s/scripts/empty.sh.run", "");
  markers.write("p/s/stages/install.sh", {"1", "v", "d", "t"}, {"vm-2", "machine-1"});
  CHECK(markers.keys_of({"p", "", "s"}).size() == 3);
  markers.remove_foreign(here);
  CHECK(markers.keys_of({"p", "", "s"}) == std::vector<std::string>{"p/s/scripts/a.sh"});
  markers.remove_all();
  CHECK_FALSE(markers.exists("p/s/scripts/a.sh"));
}

TEST_CASE("scripts from Windows") {
  CHECK_FALSE(without_windows_marks("#!/bin/sh\ntrue\n"));
  CHECK_FALSE(without_windows_marks(""));
  CHECK_FALSE(without_windows_marks("#!/bin/sh\nprintf 'a\r\n'\n"));
  CHECK(without_windows_marks("#!/bin/sh\r\ntrue\r\na\rb\r\nlast\r") ==
        "#!/bin/sh\ntrue\na\rb\nlast");
  CHECK(without_windows_marks("\xEF\xBB\xBF#!/bin/sh\ntrue\r\n") == "#!/bin/sh\ntrue\r\n");
  const TemporaryDirectory directory;
  const std::string dos = directory.write("a.sh", "\xEF\xBB\xBF#!/bin/sh\r\ntrue\r\n");
  const std::string before = script_sha256(dos);
  const auto prepared = prepare_script(directory.path(), dos);
  CHECK(prepared.argv == std::vector<std::string>{"/bin/sh", dos});
  CHECK(prepared.notes.size() == 1);
  CHECK(script_sha256(dos) == before);
  CHECK(before == support::sha256_hex("#!/bin/sh\ntrue\n"));
}

TEST_CASE("how a script is run") {
  const TemporaryDirectory directory;
  const auto argv = [&](const std::string& content) {
    return prepare_script(directory.path(), directory.write("s.sh", content)).argv;
  };
  const std::string path = directory.file("s.sh");
  CHECK(argv("#!/usr/bin/env  sh -e\n") == std::vector<std::string>{"/usr/bin/env", "sh -e", path});
  CHECK(argv("") == std::vector<std::string>{"/bin/bash", path});
  CHECK(argv("\ntrue\n") == std::vector<std::string>{"/bin/bash", path});
  CHECK(argv("\x7f"
             "ELF") == std::vector<std::string>{path});
  CHECK_THROWS_WITH_AS(argv("#!/no/such/sh\n"), doctest::Contains("/no/such/sh"), Error);
  CHECK_THROWS_WITH_AS(argv("#!sh\n"), doctest::Contains("absolute"), Error);
  std::filesystem::permissions(path, std::filesystem::perms(0666));
  directory.write("s.sh", "true\n");
  CHECK(prepare_script(directory.path(), path).notes.size() == 1);
  make_executable(directory.path(), path);
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms(0777)) ==
        std::filesystem::perms(0744));
  CHECK(script_sha256(directory.write("large.sh", std::string(5 << 20, '#'))) ==
        support::sha256_hex(std::string(5 << 20, '#')));
}

TEST_CASE("the output of a script: its end, without a line that is cut") {
  const TemporaryDirectory directory;
  OutputFile output(directory.path(), "cluster-init/p/s/scripts/a.sh.out");
  CHECK(output.tail().empty());
  std::string all;
  for (int i = 0; i < 3000; ++i) all += "line " + std::to_string(i) + '\n';
  REQUIRE(support::write_all(output.descriptor(), all + "\x1b[2J\xff last") == 0);
  const std::string tail = output.tail();
  CHECK(tail.starts_with("line 29"));
  CHECK(tail.ends_with("line 2999\n\\x1b[2J\xEF\xBF\xBD last"));
  CHECK(output.read_more().size() == all.size() + 10);
  CHECK(output.read_more().empty());
  OutputFile again(directory.path(), "cluster-init/p/s/scripts/a.sh.out");
  CHECK(again.tail().empty());
  // One line, and a secret whose name is before what is shown.
  const std::string secret(9000, 's');
  REQUIRE(support::write_all(again.descriptor(),
                             std::string(9000, 'x') + " password=" + secret + " the end") == 0);
  CHECK(again.tail().ends_with(" the end"));
  CHECK(again.tail().find("sss") == std::string::npos);
}

TEST_CASE("specs: repeated, in two versions, optional, missing") {
  const Spec one{"p", "1", "s"}, two{"p", "2", "s"}, other{"p", "1", "t"};
  CHECK(distinct_specs({one, other, one}).size() == 2);
  CHECK_THROWS_WITH_AS(distinct_specs({one, two}), doctest::Contains("version"), Error);
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory.file("p/s"));
  std::vector<std::string> skipped;
  CHECK_THROWS_WITH_AS(present_specs(directory.path(), {one, other}, skipped),
                       doctest::Contains("spec 't' of project 'p'"), Error);
  Spec optional = other;
  optional.optional = true;
  CHECK(present_specs(directory.path(), {one, optional}, skipped).size() == 1);
  CHECK(skipped == std::vector<std::string>{"p/t"});
}

TEST_CASE("failures: what to do is apart from what failed") {
  const auto failure = failure_of(Error(Errc::failed, "x: not found; a; create it\nmore\n"));
  CHECK(failure.description == "x: not found; a");
  CHECK(failure.recommendation == "Create it");
  CHECK(text_of(failure) == "x: not found; a\nRecommendation: Create it\nmore");
  for (const char* text : {"", "x: not found", "x; ", "; "}) {
    CHECK(failure_of(Error(Errc::failed, text)).description == text);
    CHECK(failure_of(Error(Errc::failed, text)).recommendation.starts_with("Correct the cause"));
  }
}

TEST_CASE("the line of a terminal fits, whatever a script writes") {
  using std::chrono::seconds;
  CHECK(progress_line("[1/2] a.sh (p/s)", seconds(83), "unpacking\x1b[2J", 80) ==
        "[1/2] a.sh (p/s)  1:23  unpacking\\x1b[2J");
  CHECK(progress_line("[1/2] a.sh (p/s)", seconds(3661), "", 80) == "[1/2] a.sh (p/s)  1:01:01");
  CHECK(progress_line("abc", seconds(1), std::string(500, 'x'), 20).size() == 19);
}

TEST_CASE("the history keeps the last runs, and is bounded") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("converge.json");
  Run run;
  run.status = "running";
  for (int i = 0; i < 30; ++i) {
    run.started = std::to_string(i);
    store_run(path, run);
  }
  run.status = "failed";
  run.failure = script_failure({"p", "1", "s"}, "/x/a.sh", 3, std::string(100'000, 'x'));
  run.steps.resize(600);
  for (size_t i = 0; i < run.steps.size(); ++i)
    run.steps[i].status = i % 2 == 0 ? "skipped" : "ran";
  run.steps[1].code = 3;
  store_run(path, run);
  const auto runs = read_history(path).runs;
  CHECK(runs.size() == 20);
  CHECK(runs.front().started == "10");
  CHECK(runs.back().status == "failed");
  CHECK(runs.back().steps.size() == 300);
  CHECK(runs.back().steps[0].code == 3);
  CHECK(runs.back().failure->detail.size() <= 16 << 10);
  CHECK(runs.back().failure->description ==
        "Failed to execute cluster-init script '/x/a.sh' in project 'p' (return code: 3)");
  directory.write("converge.json", "{");
  store_run(path, run);
  CHECK(read_history(path).runs.size() == 1);
  CHECK(read_history(path).configured.empty());
  run.status = "ok";
  run.ended = "then";
  store_run(path, run);
  run.started = run.ended = "later";
  store_run(path, run);
  CHECK(read_history(path).configured == "then");
}

}  // namespace jetpack::converge
