// The plugin's own directories, and how a command is cancelled.
#include "services/self/self_service.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include <jetpack/process.hpp>
#include <jetpack/self.hpp>
#include "services/process/process_service.hpp"
#include "services/self/cancellation.hpp"
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack {

namespace {

namespace fs = std::filesystem;

struct Node {
  support::TemporaryDirectory directory;
  Home home{directory.path()};
  SelfService service{home};
  Self self{service.table()};
};

mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

Errc code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.code();
  }
  return Errc{};
}

// The wait status of a child that runs `body`: signals are for whole processes.
int status_of_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    // Those of the test's framework.
    for (const int signal : {SIGINT, SIGTERM, SIGABRT}) ::signal(signal, SIG_DFL);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("the state directory is created once, for its owner alone") {
  Node node;
  node.service.begin("com.example.gpu", "/nowhere/gpu.so");
  CHECK(node.self.plugin_id() == "com.example.gpu");
  const std::string path = node.self.state_dir();
  CHECK(path == node.directory.file("var/plugins/com.example.gpu"));
  CHECK(mode_of(path) == 0700);
  support::write_durably(path + "/kept", "x", 0600);
  CHECK(node.self.state_dir() == path);
  CHECK(fs::exists(path + "/kept"));
}

TEST_CASE("a state directory that is not the owner's alone is refused") {
  Node node;
  node.service.begin("com.example.gpu", "/nowhere/gpu.so");
  const std::string path = node.self.state_dir();
  REQUIRE(::chmod(path.c_str(), 0770) == 0);
  CHECK(code_of([&] { node.self.state_dir(); }) == Errc::denied);
  fs::remove(path);
  fs::create_directory(node.directory.file("elsewhere"));
  fs::create_directory_symlink(node.directory.file("elsewhere"), path);
  CHECK(code_of([&] { node.self.state_dir(); }) == Errc::denied);
  fs::remove(path);
  REQUIRE(::chmod(node.directory.file("var").c_str(), 0777) == 0);
  CHECK(code_of([&] { node.self.state_dir(); }) == Errc::denied);
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("an id that leads elsewhere has no state directory") {
  Node node;
  for (const char* id : {"", "..", "a/b", "../x", ".hidden", "a b"}) {
    node.service.begin(id, "/nowhere/gpu.so");
    CHECK(code_of([&] { node.self.state_dir(); }) == Errc::usage);
  }
  CHECK_FALSE(fs::exists(node.directory.file("var")));
}

TEST_CASE("the plugin's directory is that of the library, or the root of its bundle") {
  Node node;
  const auto directory_of = [&](const std::string& library) {
    node.directory.write(library, "");
    node.service.begin("x", node.directory.file(library));
    return node.self.plugin_dir();
  };
  const std::string root = fs::canonical(node.directory.path());
  CHECK(directory_of("plugins/gpu.so") == root + "/plugins");
  node.directory.write("store/x/1.0/plugin.json", "{}");
  CHECK(directory_of("store/x/1.0/lib/x.so") == root + "/store/x/1.0");
  CHECK(directory_of("store/x/1.0/lib/linux-x86_64/x.so") == root + "/store/x/1.0");
  fs::create_directory(node.directory.file("active"));
  fs::create_directory_symlink("../store/x/1.0", node.directory.file("active/x"));
  node.service.begin("x", node.directory.file("active/x/lib/x.so"));
  CHECK(node.self.plugin_dir() == root + "/store/x/1.0");
  node.service.begin("x", "/nowhere/x.so");
  CHECK(code_of([&] { node.self.plugin_dir(); }) == Errc::unavailable);
}

TEST_CASE("the temporary directory is removed with what is in it, also what a child made") {
  Node node;
  node.service.begin("x", "/nowhere/x.so");
  node.service.choose_temp_dir();
  std::string path;
  CHECK(status_of_child([&] {
          support::write_durably(node.self.temp_dir() + "/file", "x", 0600);
          ::raise(SIGKILL);
          return 0;
        }) == SIGKILL);
  path = node.self.temp_dir();
  CHECK(fs::exists(path + "/file"));
  CHECK(mode_of(path) == 0700);
  node.service.end();
  CHECK_FALSE(fs::exists(path));
  node.service.end();
}

TEST_CASE("signals end the process until cancelled() is asked; then the second one does") {
  const auto exits = [](const std::function<int()>& body) { return status_of_child(body); };
  CHECK(WTERMSIG(exits([] { return ::raise(SIGTERM); })) == SIGTERM);
  for (const int signal : {SIGTERM, SIGINT}) {
    CHECK(WEXITSTATUS(exits([&] {
            if (cancelling_signal() != 0) return 1;
            ::raise(signal);
            return cancelling_signal() == signal && arrived_signal() == signal ? 42 : 2;
          })) == 42);
    CHECK(WTERMSIG(exits([&] {
            cancelling_signal();
            ::raise(signal);
            ::raise(SIGINT);
            return 3;
          })) == SIGINT);
  }
  CHECK(WEXITSTATUS(exits([] {
          ::signal(SIGINT, SIG_IGN);
          cancelling_signal();
          ::raise(SIGINT);
          return cancelling_signal() == 0 ? 42 : 4;
        })) == 42);
}

TEST_CASE("a program that is waited for is asked to end when the command is cancelled") {
  const int status = status_of_child([] {
    cancelling_signal();
    ProcessSpec spec{
        .argv = {"sh", "-c", "kill -TERM $1; sleep 60 & wait", "sh", std::to_string(::getpid())}};
    spec.deadline = std::chrono::minutes(5);
    const auto result = Process(process_service()).run(spec);
    return result.signal == SIGTERM && !result.timed_out && arrived_signal() == SIGTERM ? 42 : 5;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 42);
}

}  // namespace jetpack
