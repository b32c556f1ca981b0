// Tests of running scripts: capture, deadline, and that nothing is left behind.
#include "services/process/process_service.hpp"

#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include <doctest/doctest.h>

#include <jetpack/process.hpp>
#include "services/process/capture.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack {

namespace {

ProcessResult shell(const std::string& script, std::chrono::milliseconds deadline = {}) {
  ProcessSpec spec;
  spec.argv = {"/bin/sh", "-c", script};
  spec.deadline = deadline;
  spec.grace = std::chrono::milliseconds(100);
  return Process(process_service()).run(spec);
}

bool is_alive(const std::string& pid_file) {
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  REQUIRE(pid > 1);
  return ::kill(pid, 0) == 0;
}

}  // namespace

TEST_CASE("output, exit code and signal") {
  const auto done = shell("echo out; echo err >&2; exit 3");
  CHECK(done.exit_code == 3);
  CHECK(done.out == "out\n");
  CHECK(done.err == "err\n");
  CHECK_FALSE(done.timed_out);
  const auto killed = shell("kill -9 $$");
  CHECK(killed.exit_code == -1);
  CHECK(killed.signal == SIGKILL);
}

TEST_CASE("environment, working directory and input") {
  ProcessSpec spec;
  spec.argv = {"sh", "-c", "echo $X $PWD; cat"};
  spec.env = {"X=y"};
  spec.directory = "/tmp";
  spec.input = "input";
  CHECK(Process(process_service()).run(spec).out == "y /tmp\ninput");
}

TEST_CASE("root's programs are not searched where the caller's PATH leads") {
  const support::TemporaryDirectory temporary;
  const std::string before = ::getenv("PATH");
  for (const char* name : {"sh", "df"})
    REQUIRE(::chmod(temporary.write(name, "#!/bin/sh\necho evil\n").c_str(), 0755) == 0);
  REQUIRE(::setenv("PATH", (temporary.path() + ":" + before).c_str(), 1) == 0);
  ProcessSpec spec;
  spec.argv = {"sh", "-c", "df / | tail -1"};
  const std::string out = Process(process_service()).run(spec).out;
  spec.env = {"PATH=" + temporary.path()};
  const std::string wanted = Process(process_service()).run(spec).out;
  REQUIRE(::setenv("PATH", before.c_str(), 1) == 0);
  CHECK((out == "evil\n") == (::geteuid() != 0));
  CHECK(wanted == "evil\n");
}

TEST_CASE("what cannot be started says why") {
  ProcessSpec spec;
  const Process process(process_service());
  spec.argv = {"/no/such/program"};
  CHECK_THROWS_WITH_AS(process.run(spec), doctest::Contains("No such file"), Error);
  const support::TemporaryDirectory temporary;
  spec.argv = {temporary.write("script", "echo")};
  CHECK_THROWS_WITH_AS(process.run(spec), doctest::Contains("is it executable"), Error);
  REQUIRE(::chmod(spec.argv[0].c_str(), 0700) == 0);
  spec.directory = "/no/such/directory";
  CHECK_THROWS_AS(process.run(spec), Error);
  spec.argv = {};
  CHECK_THROWS_AS(process.run(spec), Error);
}

TEST_CASE("the deadline ends what ignores SIGTERM") {
  const auto result =
      shell("trap '' TERM; while :; do sleep 1; done", std::chrono::milliseconds(100));
  CHECK(result.timed_out);
  CHECK(result.signal == SIGKILL);
}

TEST_CASE("nothing that it started is left, not even what left its session") {
  const support::TemporaryDirectory temporary;
  const std::string pids = temporary.path();
  const auto result = shell("setsid sh -c 'echo $$ > " + pids +
                            "/a; exec sleep 1000' & "
                            "(sleep 1000 & echo $! > " +
                            pids +
                            "/b) & "
                            "while [ ! -s " +
                            pids + "/a ] || [ ! -s " + pids + "/b ]; do sleep 0.01; done");
  CHECK(result.exit_code == 0);
  CHECK(result.killed >= 2);
  CHECK_FALSE(is_alive(pids + "/a"));
  CHECK_FALSE(is_alive(pids + "/b"));
}

TEST_CASE("endless output is bounded: its head and tail are kept") {
  ProcessSpec spec;
  spec.argv = {"sh", "-c", "echo first; yes middle | head -n 1000000; echo last"};
  spec.capture_bytes = 1000;
  const auto result = Process(process_service()).run(spec);
  CHECK(result.out_bytes == 6 + 7'000'000 + 5);
  CHECK(result.out.size() < 1100);
  CHECK(result.out.starts_with("first\n"));
  CHECK(result.out.ends_with("last\n"));
  CHECK(result.out.find("bytes left out ...]") != std::string::npos);
}

TEST_CASE("a capture keeps all up to its capacity, whatever the pieces") {
  for (const size_t piece : {1u, 3u, 7u, 100u}) {
    Capture capture(10);
    const std::string text = "0123456789";
    for (size_t at = 0; at < text.size(); at += piece) capture.append(text.substr(at, piece));
    CHECK(capture.text() == text);
    capture.append("ab");
    CHECK(capture.text() == "01234\n[... 2 bytes left out ...]\n789ab");
    capture.append("cdefghijk");
    CHECK(capture.text() == "01234\n[... 11 bytes left out ...]\nghijk");
    CHECK(capture.total() == 21);
  }
}

}  // namespace jetpack
