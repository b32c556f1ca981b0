// jetpack/process.hpp: run a script with a deadline and bounded capture; nothing it started is
// left.
#pragma once

#include <jetpack/boundary.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack {

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0]: a path, or a name that PATH finds
  // "NAME=VALUE", added to the caller's environment. Root's PATH is fixed unless it is given here.
  std::vector<std::string> env = {};
  std::string directory = {};             // empty: the caller's
  std::string input = {};                 // what standard input holds
  std::chrono::milliseconds deadline{0};  // then SIGTERM, SIGKILL after `grace`; 0: none
  std::chrono::milliseconds grace{0};     // 0: two seconds
  uint64_t capture_bytes = 0;             // kept of each stream, half head, half tail; 0: 128 KiB
};

struct ProcessResult {
  int exit_code = -1;  // -1 when a signal ended it
  int signal = 0;
  bool timed_out = false;
  uint32_t killed = 0;  // processes it had left behind, which were killed
  std::string out, err;
  uint64_t out_bytes = 0, err_bytes = 0;  // written in all, kept or not
  std::chrono::milliseconds elapsed{0};
};

class Process {
 public:
  static constexpr std::string_view id = JP_PROCESS;
  using Table = jp_process;

  explicit Process(const Table& table) noexcept : table_(&table) {}

  // Throws Errc::not_found or Errc::denied when the program could not be started.
  ProcessResult run(const ProcessSpec& spec) const {
    const auto argv = borrow_all(spec.argv);
    const auto env = borrow_all(spec.env);
    jp_process_spec raw{};
    raw.size = sizeof raw;
    raw.argc = static_cast<uint32_t>(argv.size());
    raw.argv = argv.data();
    raw.env_count = static_cast<uint32_t>(env.size());
    raw.env = env.data();
    raw.directory = boundary::borrow(spec.directory);
    raw.input = boundary::borrow(spec.input);
    raw.deadline_ms = static_cast<int64_t>(spec.deadline.count());
    raw.grace_ms = static_cast<int64_t>(spec.grace.count());
    raw.capture_bytes = spec.capture_bytes;

    ProcessResult result;
    jp_process_result answer{};
    answer.size = sizeof answer;
    jp_error err{};
    boundary::check(table_->run(table_->self, &raw, &answer, boundary::append_to(result.out),
                                boundary::append_to(result.err), &err),
                    err);
    result.exit_code = answer.exit_code;
    result.signal = answer.signal;
    result.timed_out = answer.timed_out != 0;
    result.killed = answer.killed;
    result.out_bytes = answer.out_bytes;
    result.err_bytes = answer.err_bytes;
    result.elapsed = std::chrono::milliseconds{answer.elapsed_ms};
    return result;
  }

 private:
  static std::vector<jp_str> borrow_all(const std::vector<std::string>& texts) {
    std::vector<jp_str> borrowed;
    borrowed.reserve(texts.size());
    for (const auto& text : texts) borrowed.push_back(boundary::borrow(text));
    return borrowed;
  }

  const Table* table_;
};

}  // namespace jetpack
