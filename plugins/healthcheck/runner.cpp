// Runs checks side by side.
#include "healthcheck/runner.hpp"

#include <poll.h>

#include <csignal>
#include <cstring>
#include <optional>

#include <jetpack/error.hpp>
#include "support/json.hpp"
#include "support/redact.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::healthcheck {

namespace {

constexpr uint64_t capture_bytes = 16 << 10;

std::string seconds_of(int64_t ms) {
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

std::string described(const ProcessResult& result, std::chrono::milliseconds deadline) {
  std::string text;
  if (result.timed_out) {
    text = "timed out after " + seconds_of(deadline.count());
    if (result.killed > 0) text += ", killed with " + std::to_string(result.killed) + " children";
  } else if (result.signal != 0) {
    text = "killed by signal " + std::to_string(result.signal) + " (" + ::strsignal(result.signal) +
           ')';
  } else if (result.exit_code != 0) {
    text = "exited with " + std::to_string(result.exit_code);
  }
  if (result.left == 0) return text;
  if (!text.empty()) text += "; ";
  text += "process " + std::to_string(result.left_pid) + " cannot be killed";
  if (result.left > 1) text += ", nor " + std::to_string(result.left - 1) + " more";
  return text;
}

Outcome outcome_of(const ProcessResult& result, std::chrono::milliseconds deadline) {
  Outcome outcome;
  outcome.state = result.timed_out                     ? State::hung
                  : result.exit_code == unhealthy_code ? State::unhealthy
                  : result.left > 0                    ? State::hung
                  : result.exit_code == 0              ? State::passed
                                                       : State::failed;
  outcome.exit_code = result.exit_code;
  outcome.message = described(result, deadline);
  outcome.out = support::redact(support::well_formed(result.out));
  outcome.err = support::redact(support::well_formed(result.err));
  outcome.spoken = spoken_in(outcome.out);
  outcome.elapsed_ms = result.elapsed.count();
  outcome.left_pid = result.left_pid;
  outcome.left_start = start_of_process(result.left_pid);
  return outcome;
}

Outcome invalid(const std::string& why) {
  Outcome outcome;
  outcome.state = State::invalid;
  outcome.exit_code = -1;
  outcome.message = why;
  return outcome;
}

// One that runs, and which it is.
struct Slot {
  size_t index;
  RunningProcess process;
};

class Runner {
 public:
  Runner(const Process& process, const std::vector<Check>& checks,
         const std::vector<std::string>& env, const Limits& limits)
      : process_(process), checks_(checks), env_(env), limits_(limits), outcomes_(checks.size()) {}

  std::vector<Outcome> run() {
    while (next_ < checks_.size() || !slots_.empty()) {
      while (next_ < checks_.size() && slots_.size() < limits_.at_once) start(next_++);
      wait();
      collect();
    }
    return std::move(outcomes_);
  }

 private:
  void start(size_t index) {
    const Check& check = checks_[index];
    if (!check.problem.empty()) {
      outcomes_[index] = invalid(check.problem);
      return;
    }
    ProcessSpec spec{check.argv, env_};
    // Ours may have been removed.
    spec.directory = "/";
    spec.deadline = deadline_of(index);
    spec.grace = limits_.grace;
    spec.capture_bytes = capture_bytes;
    try {
      slots_.push_back({index, process_.start(std::move(spec))});
    } catch (const Error& e) {
      outcomes_[index] = invalid(e.what());
    }
  }

  std::chrono::milliseconds deadline_of(size_t index) const {
    const auto own = checks_[index].deadline;
    return own.count() > 0 ? own : limits_.deadline;
  }

  void wait() {
    std::vector<pollfd> events;
    for (const auto& slot : slots_) events.push_back({slot.process.descriptor(), POLLIN, 0});
    if (!events.empty()) ::poll(events.data(), events.size(), -1);
  }

  void collect() {
    for (size_t i = 0; i < slots_.size();) {
      try {
        const auto result = slots_[i].process.result();
        if (!result) {
          ++i;
          continue;
        }
        outcomes_[slots_[i].index] = outcome_of(*result, deadline_of(slots_[i].index));
      } catch (const Error& e) {
        outcomes_[slots_[i].index] = invalid(e.what());
      }
      std::swap(slots_[i], slots_.back());
      slots_.pop_back();
    }
  }

  const Process& process_;
  const std::vector<Check>& checks_;
  const std::vector<std::string>& env_;
  const Limits& limits_;
  std::vector<Outcome> outcomes_;
  std::vector<Slot> slots_;
  size_t next_ = 0;
};

bool is_status(const std::string& text) {
  return text == "OK" || text == "NA" || text == "Warning" || text == "Error";
}

// nullopt when the line is not about a condition.
std::optional<Spoken> spoken_on(std::string_view line) {
  line = support::trimmed(line);
  if (!line.starts_with('{') || line.find("\"condition\"") == std::string_view::npos)
    return std::nullopt;
  try {
    const auto document = support::parse_json(line, "the line");
    const auto* condition = support::find_member(document, "condition");
    if (condition == nullptr || !condition->IsObject()) return std::nullopt;
    Spoken spoken{support::text_or(*condition, "status", ""),
                  support::text_or(*condition, "message", ""),
                  support::text_or(*condition, "details", "")};
    if (is_status(spoken.status)) return spoken;
    return Spoken{"Warning",
                  "printed a condition with the invalid status '" +
                      support::one_line(support::cut(spoken.status, 80)) +
                      "'; expected OK, NA, Warning or Error",
                  ""};
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

Spoken spoken_in(const std::string& out) {
  std::string_view rest = out;
  while (!rest.empty()) {
    const size_t end = rest.find_last_of('\n');
    const std::string_view line = end == std::string_view::npos ? rest : rest.substr(end + 1);
    if (auto spoken = spoken_on(line)) return *std::move(spoken);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
  }
  return {};
}

std::vector<Outcome> run_checks(const Process& process, const std::vector<Check>& checks,
                                const std::vector<std::string>& env, const Limits& limits) {
  return Runner(process, checks, env, limits).run();
}

}  // namespace jetpack::healthcheck
