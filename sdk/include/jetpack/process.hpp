// jetpack/process.hpp: run a script with a deadline and bounded capture; nothing it started is
// left. [thread-safe]
#pragma once

#include <jetpack/boundary.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  bool leave_daemons = false;  // what a program that ended in time has left behind goes on
  // Get the output while the program runs, from the thread that waits for it.
  std::function<void(std::string_view)> on_out = {};
  std::function<void(std::string_view)> on_err = {};
};

struct ProcessResult {
  int exit_code = -1;  // -1 when a signal ended it
  int signal = 0;
  bool timed_out = false;
  uint32_t killed = 0;  // processes it had left behind, which were killed
  uint32_t left = 0;    // processes that the kernel does not end
  int left_pid = 0;     // one of them
  std::string out, err;
  uint64_t out_bytes = 0, err_bytes = 0;  // written in all, kept or not
  std::chrono::milliseconds elapsed{0};
};

namespace detail {

// A ProcessSpec as the C table has it. Points into the spec and itself.
class RawProcessSpec {
 public:
  explicit RawProcessSpec(const ProcessSpec& spec)
      : argv_(borrow_all(spec.argv)),
        env_(borrow_all(spec.env)),
        out_(spec.on_out),
        err_(spec.on_err) {
    raw_.size = sizeof raw_;
    raw_.argc = static_cast<uint32_t>(argv_.size());
    raw_.argv = argv_.data();
    raw_.env_count = static_cast<uint32_t>(env_.size());
    raw_.flags = spec.leave_daemons ? uint32_t{JP_PROCESS_LEAVE_DAEMONS} : 0;
    raw_.env = env_.data();
    raw_.directory = boundary::borrow(spec.directory);
    raw_.input = boundary::borrow(spec.input);
    raw_.deadline_ms = static_cast<int64_t>(spec.deadline.count());
    raw_.grace_ms = static_cast<int64_t>(spec.grace.count());
    raw_.capture_bytes = spec.capture_bytes;
    if (spec.on_out) raw_.out = {&out_, write};
    if (spec.on_err) raw_.err_out = {&err_, write};
  }
  RawProcessSpec(const RawProcessSpec&) = delete;
  RawProcessSpec& operator=(const RawProcessSpec&) = delete;

  const jp_process_spec* get() const noexcept { return &raw_; }

  // Throws what a callback threw, else what the call returned.
  void check(int32_t status, const jp_error& err) const {
    if (out_.has_thrown()) out_.check(status, err);
    err_.check(status, err);
  }

 private:
  using Stream = boundary::Borrowed<std::function<void(std::string_view)>>;

  static std::vector<jp_str> borrow_all(const std::vector<std::string>& texts) {
    std::vector<jp_str> borrowed;
    borrowed.reserve(texts.size());
    for (const auto& text : texts) borrowed.push_back(boundary::borrow(text));
    return borrowed;
  }

  static int32_t write(void* stream, const char* data, size_t size) noexcept {
    return static_cast<Stream*>(stream)->run(1, [&](const auto& take) {
      take({data, size});
      return 0;
    });
  }

  std::vector<jp_str> argv_, env_;
  Stream out_, err_;
  jp_process_spec raw_{};
};

// Calls `ask` for the result of a process.
template <class Ask>
int32_t ask_for_result(ProcessResult& result, jp_error& err, Ask&& ask) {
  jp_process_result raw{};
  raw.size = sizeof raw;
  const int32_t status =
      ask(&raw, boundary::append_to(result.out), boundary::append_to(result.err), &err);
  result.exit_code = raw.exit_code;
  result.signal = raw.signal;
  result.timed_out = raw.timed_out != 0;
  result.killed = raw.killed;
  result.left = raw.left;
  result.left_pid = raw.left_pid;
  result.out_bytes = raw.out_bytes;
  result.err_bytes = raw.err_bytes;
  result.elapsed = std::chrono::milliseconds{raw.elapsed_ms};
  return status;
}

}  // namespace detail

// A program that runs beside its caller. For one thread at a time. [any-thread]
class RunningProcess {
 public:
  RunningProcess(const jp_process& table, ProcessSpec spec)
      : table_(&table), owned_(std::make_unique<Owned>(std::move(spec))) {
    jp_error err{};
    boundary::check(table_->start(table_->self, owned_->raw.get(), &process_, &err), err);
  }
  RunningProcess(RunningProcess&& other) noexcept
      : table_(other.table_),
        owned_(std::move(other.owned_)),
        process_(std::exchange(other.process_, nullptr)) {}
  RunningProcess& operator=(RunningProcess&& other) noexcept {
    std::swap(table_, other.table_);
    std::swap(owned_, other.owned_);
    std::swap(process_, other.process_);
    return *this;
  }
  // Kills what still runs.
  ~RunningProcess() {
    if (process_ != nullptr) table_->release(table_->self, process_);
  }

  // Readable when result() has something to do.
  int descriptor() const { return table_->poll(table_->self, process_); }

  // Reads what was written and never waits; nullopt while the program runs. Throws Errc::not_found
  // or Errc::denied when it could not be started.
  std::optional<ProcessResult> result() {
    ProcessResult result;
    jp_error err{};
    const int32_t status = detail::ask_for_result(
        result, err, [&](auto* raw, jp_sink out, jp_sink err_out, auto* error) {
          return table_->result(table_->self, process_, raw, out, err_out, error);
        });
    if (status == JP_UNAVAILABLE) return std::nullopt;
    owned_->raw.check(status, err);
    return result;
  }

  // SIGTERM now, SIGKILL after the grace period.
  void kill() { table_->kill(table_->self, process_); }

 private:
  // At one address while the program runs.
  struct Owned {
    explicit Owned(ProcessSpec given) : spec(std::move(given)), raw(spec) {}
    ProcessSpec spec;
    detail::RawProcessSpec raw;
  };

  const jp_process* table_;
  std::unique_ptr<Owned> owned_;
  void* process_ = nullptr;
};

class Process {
 public:
  static constexpr std::string_view id = JP_PROCESS;
  using Table = jp_process;

  explicit Process(const Table& table) noexcept : table_(&table) {}

  // Throws Errc::not_found or Errc::denied when the program could not be started. Where
  // Call::cancelled has been asked, SIGINT and SIGTERM end the program as RunningProcess::kill does.
  ProcessResult run(const ProcessSpec& spec) const {
    const detail::RawProcessSpec raw(spec);
    ProcessResult result;
    jp_error err{};
    const int32_t status = detail::ask_for_result(
        result, err, [&](auto* answer, jp_sink out, jp_sink err_out, auto* error) {
          return table_->run(table_->self, raw.get(), answer, out, err_out, error);
        });
    raw.check(status, err);
    return result;
  }

  // Starts a program beside others. Throws Errc::unavailable.
  RunningProcess start(ProcessSpec spec) const { return {*table_, std::move(spec)}; }

 private:
  const Table* table_;
};

}  // namespace jetpack
