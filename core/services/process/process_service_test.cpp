// Tests of running scripts: capture, deadline, and that nothing is left behind.
#include "services/process/process_service.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <jetpack/process.hpp>
#include "services/process/capture.hpp"
#include "support/files.hpp"
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

// Waits for several processes at once; the results in the order in which they ended.
std::vector<std::pair<size_t, ProcessResult>> all_results(std::vector<RunningProcess>& running) {
  std::vector<std::pair<size_t, ProcessResult>> results;
  std::vector<bool> has_ended(running.size());
  while (results.size() < running.size()) {
    std::vector<pollfd> events;
    for (const auto& process : running) events.push_back({process.descriptor(), POLLIN, 0});
    for (size_t i = 0; i < events.size(); ++i)
      if (has_ended[i]) events[i].fd = -1;
    REQUIRE(::poll(events.data(), events.size(), 30'000) > 0);
    for (size_t i = 0; i < events.size(); ++i) {
      if (events[i].revents == 0) continue;
      if (auto result = running[i].result()) {
        has_ended[i] = true;
        results.emplace_back(i, std::move(*result));
      }
    }
  }
  return results;
}

TEST_CASE("processes run side by side, each with its own deadline and output") {
  const Process process(process_service());
  const support::TemporaryDirectory temporary;
  const std::string go = temporary.file("go");
  std::vector<RunningProcess> running;
  const auto start = [&](const std::string& script, int deadline_ms) {
    ProcessSpec spec;
    spec.argv = {"sh", "-c", script};
    spec.deadline = std::chrono::milliseconds(deadline_ms);
    spec.grace = std::chrono::milliseconds(100);
    running.push_back(process.start(spec));
  };
  // The first ends after the second, which the third lets go on; the fourth ignores SIGTERM.
  start("while [ ! -e " + go + "2 ]; do sleep 0.01; done; echo first", 0);
  start("while [ ! -e " + go + " ]; do sleep 0.01; done; echo second; touch " + go + "2", 0);
  start("touch " + go + "; echo third >&2; exit 4", 0);
  start("trap '' TERM; while :; do sleep 0.1; done", 200);
  start("kill -STOP $$", 200);
  const auto results = all_results(running);
  std::vector<ProcessResult> by_number(results.size());
  std::vector<size_t> order;
  for (const auto& [number, result] : results) {
    order.push_back(number);
    by_number[number] = result;
  }
  CHECK(std::find(order.begin(), order.end(), 1) < std::find(order.begin(), order.end(), 0));
  CHECK(by_number[0].out == "first\n");
  CHECK(by_number[1].out == "second\n");
  CHECK(by_number[2].err == "third\n");
  CHECK(by_number[2].exit_code == 4);
  CHECK(by_number[3].timed_out);
  CHECK(by_number[3].signal == SIGKILL);
  CHECK(by_number[4].timed_out);
  CHECK(by_number[4].signal == SIGTERM);
}

TEST_CASE("a running process can be ended, or given up with all that it started") {
  const Process process(process_service());
  const support::TemporaryDirectory temporary;
  const std::string pid = temporary.file("pid");
  ProcessSpec spec;
  spec.argv = {"sh", "-c",
               "trap 'echo cleaned; exit 9' TERM; echo ready; while :; do sleep 0.01; done"};
  bool is_ready = false;
  spec.on_out = [&](std::string_view piece) { is_ready |= piece.starts_with("ready"); };
  auto running = process.start(spec);
  while (!is_ready) {
    pollfd event{running.descriptor(), POLLIN, 0};
    REQUIRE(::poll(&event, 1, 30'000) > 0);
    REQUIRE_FALSE(running.result());
  }
  running.kill();
  std::vector<RunningProcess> all;
  all.push_back(std::move(running));
  const auto results = all_results(all);
  CHECK(results.front().second.exit_code == 9);
  CHECK_FALSE(results.front().second.timed_out);
  CHECK(results.front().second.out == "ready\ncleaned\n");

  spec.argv = {"sh", "-c",
               "setsid sh -c 'echo $$ > " + pid + "; exec sleep 1000' & echo ready; wait"};
  is_ready = false;
  {
    const auto given_up = process.start(spec);
    while (::access(pid.c_str(), F_OK) != 0 || support::read_file(pid, 100)->empty())
      ::poll(nullptr, 0, 5);
    CHECK(is_alive(pid));
  }
  CHECK_FALSE(is_alive(pid));
}

TEST_CASE("daemons are left alone on request, and hold nothing up") {
  const support::TemporaryDirectory temporary;
  const std::string pid = temporary.file("pid");
  ProcessSpec spec;
  spec.argv = {"sh", "-c",
               "setsid sh -c 'echo $$ > " + pid + "; exec sleep 1000' & while [ ! -s " + pid +
                   " ]; do sleep 0.01; done; echo started"};
  spec.leave_daemons = true;
  const auto result = Process(process_service()).run(spec);
  CHECK(result.exit_code == 0);
  CHECK(result.out == "started\n");
  CHECK(result.killed == 0);
  CHECK(is_alive(pid));
  pid_t daemon = 0;
  std::ifstream(pid) >> daemon;
  ::kill(daemon, SIGKILL);
}

TEST_CASE("a script inherits no descriptor, and what its callback throws comes back") {
  const support::Fd secret(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  ProcessSpec spec;
  spec.argv = {"sh", "-c", "ls /proc/self/fd | wc -w"};
  CHECK(Process(process_service()).run(spec).out == "4\n");  // 0, 1, 2 and that of ls
  spec.on_out = [](std::string_view) { throw Error(Errc::corrupt, "not a number"); };
  CHECK_THROWS_WITH_AS(Process(process_service()).run(spec), "not a number", Error);
  CHECK_THROWS_AS(Process(process_service()).start({}), Error);
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
