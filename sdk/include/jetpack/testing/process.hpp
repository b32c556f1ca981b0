// jetpack/testing/process.hpp: programs that a test scripts instead of running them.
// Part of jetpack/testing.hpp; include that.
#pragma once

#include <jetpack/boundary.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack::testing {

// What a program does.
struct Script {
  std::string out = {};
  std::string err = {};
  int exit_code = 0;
  int signal = 0;      // that ends it
  bool hangs = false;  // until its deadline
};

// How a program was started.
struct Started {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string directory;
  std::string input;
  std::chrono::milliseconds deadline{0};
};

namespace detail {

// jetpack.process/1.
class FakeProcess {
 public:
  FakeProcess() {
    table.size = sizeof table;
    table.self = this;
    table.run = [](void* self, const jp_process_spec* spec, jp_process_result* result, jp_sink out,
                   jp_sink err_out, jp_error* err) {
      return boundary::guard(err, [&] {
        auto& fake = *static_cast<FakeProcess*>(self);
        finish(fake.begin(*spec), result, out, err_out);
      });
    };
    table.start = [](void* self, const jp_process_spec* spec, void** process, jp_error* err) {
      return boundary::guard(err, [&] {
        auto running = std::make_unique<Running>(static_cast<FakeProcess*>(self)->begin(*spec));
        running->descriptor = ::eventfd(1, EFD_CLOEXEC);
        *process = running.release();
      });
    };
    table.poll = [](void*, void* process) { return static_cast<Running*>(process)->descriptor; };
    table.result = [](void*, void* process, jp_process_result* result, jp_sink out, jp_sink err_out,
                      jp_error* err) {
      return boundary::guard(
          err, [&] { finish(*static_cast<Running*>(process), result, out, err_out); });
    };
    table.kill = [](void*, void* process) {
      auto& running = *static_cast<Running*>(process);
      if (running.script.hangs) running.script = {.signal = SIGTERM};
    };
    table.release = [](void*, void* process) {
      const std::unique_ptr<Running> running(static_cast<Running*>(process));
      ::close(running->descriptor);
    };
  }
  FakeProcess(const FakeProcess&) = delete;
  FakeProcess& operator=(const FakeProcess&) = delete;

  jp_process table{};
  std::vector<std::pair<std::string, Script>> scripts;
  std::vector<Started> started;

 private:
  struct Running {
    Script script;
    int64_t deadline_ms = 0;
    jp_sink out{}, err{};
    int descriptor = -1;
  };

  static std::vector<std::string> texts(const jp_str* all, uint32_t count) {
    std::vector<std::string> texts;
    for (uint32_t i = 0; i < count; ++i) texts.emplace_back(boundary::view(all[i]));
    return texts;
  }

  // The script with the longest name that is the program, or the beginning of the command line.
  const Script* find(const std::vector<std::string>& argv) const {
    std::string line;
    for (const auto& word : argv) line += (line.empty() ? "" : " ") + word;
    const std::string program = argv[0].substr(argv[0].rfind('/') + 1);
    const std::pair<std::string, Script>* best = nullptr;
    for (const auto& script : scripts) {
      const auto& name = script.first;
      const bool fits = name == program || line == name || line.starts_with(name + ' ');
      if (fits && (best == nullptr || name.size() >= best->first.size())) best = &script;
    }
    return best == nullptr ? nullptr : &best->second;
  }

  Running begin(const jp_process_spec& spec) {
    Started how{texts(spec.argv, spec.argc), texts(spec.env, spec.env_count),
                std::string(boundary::view(spec.directory)),
                std::string(boundary::view(spec.input)),
                std::chrono::milliseconds(spec.deadline_ms)};
    started.push_back(how);
    const Script* script = how.argv.empty() ? nullptr : find(how.argv);
    if (script == nullptr)
      throw Error(Errc::not_found,
                  "cannot run " + (how.argv.empty() ? "nothing" : how.argv[0]) +
                      ": No such file or directory (the test scripts no such program)");
    return {*script, spec.deadline_ms, spec.out, spec.err_out, -1};
  }

  static void give(const jp_sink& sink, const std::string& text) {
    if (sink.write != nullptr && sink.write(sink.ctx, text.data(), text.size()) != 0)
      throw Error(Errc::failed, "the caller could not take the program's output");
  }

  static void finish(const Running& running, jp_process_result* result, const jp_sink& out,
                     const jp_sink& err_out) {
    const Script& script = running.script;
    if (script.hangs && running.deadline_ms <= 0)
      throw Error(Errc::internal, "the program hangs, and it was started without a deadline");
    give(running.out, script.out);
    give(running.err, script.err);
    give(out, script.out);
    give(err_out, script.err);
    if (result == nullptr) return;
    const int signal = script.hangs ? SIGTERM : script.signal;
    result->signal = signal;
    result->exit_code = signal != 0 ? -1 : script.exit_code;
    result->timed_out = script.hangs ? 1 : 0;
    result->out_bytes = script.out.size();
    result->err_bytes = script.err.size();
    result->elapsed_ms = script.hangs ? running.deadline_ms : 1;
  }
};

}  // namespace detail
}  // namespace jetpack::testing
