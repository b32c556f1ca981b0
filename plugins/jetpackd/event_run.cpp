// Runs the scripts of one scheduled event, one after the other, until the cloud acts.
#include "jetpackd/event_run.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include <jetpack/error.hpp>
#include "support/redact.hpp"
#include "support/script_environment.hpp"
#include "support/script_interpreter.hpp"
#include "support/shutdown_scripts.hpp"
#include "support/text.hpp"
#include "support/trust.hpp"
#include "support/utf8.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;
using Stage = EventRecord::Stage;

constexpr uint64_t capture_bytes = 16 << 10;
constexpr milliseconds grace{1000};
constexpr size_t max_words = 512;

std::vector<std::string> environment_for(const std::string& home, const CloudEvent& event) {
  auto all = support::home_environment(home);
  all.push_back("JETPACK_EVENT_ID=" + event.id);
  all.push_back("JETPACK_EVENT_TYPE=" + event.kind);
  all.push_back("JETPACK_EVENT_NOT_BEFORE=" + event.not_before);
  return all;
}

// How a script is run, whether it has the x bit or not: callers forget it, and a file system may be
// mounted noexec. Throws with the reason.
std::vector<std::string> command_of(const std::string& path) {
  const std::string real = support::trusted_path(path);
  const std::string line = support::first_line_of(real);
  if (line.ends_with('\r')) throw Error(Errc::failed, "has CRLF line ends (dos2unix " + path + ")");
  if (support::is_elf(line)) return {support::runnable_script(real)};
  std::vector<std::string> argv =
      line.starts_with("#!") ? support::interpreter_in(line) : std::vector<std::string>{"bash"};
  argv.push_back(real);
  return argv;
}

// The last line that it wrote, masked.
std::string last_words(const jetpack::ProcessResult& result) {
  const std::string text =
      support::redact(support::well_formed(result.err.empty() ? result.out : result.err));
  std::string_view words = support::trimmed(text);
  if (const size_t end = words.find_last_of('\n'); end != std::string_view::npos)
    words.remove_prefix(end + 1);
  return support::cut(support::one_line(words), max_words);
}

// Why it counts as failed; empty: it succeeded.
std::string failure_of(const jetpack::ProcessResult& result) {
  std::string text;
  if (result.timed_out) {
    text = "was still running when the cloud's notice ended, and was killed";
  } else if (result.signal != 0) {
    text = "was killed by signal " + std::to_string(result.signal) + " (" +
           ::strsignal(result.signal) + ')';
  } else if (result.exit_code != 0) {
    text = "exited with " + std::to_string(result.exit_code);
  } else {
    return text;
  }
  if (result.left > 0) text += "; process " + std::to_string(result.left_pid) + " cannot be killed";
  const std::string words = last_words(result);
  return words.empty() ? text : text + ": " + words;
}

}  // namespace

EventRun::EventRun(const Tools& tools, const CloudEvent& event, EventRecord record,
                   milliseconds time)
    : tools_(tools),
      record_(std::move(record)),
      not_before_(event.not_before),
      environment_(environment_for(tools.config.path(""), event)),
      deadline_(std::chrono::steady_clock::now() + time) {
  find_scripts();
  // Before the first runs: what is cut off is then known.
  if (!scripts_.empty()) tools_.journal.put(record_);
}

void EventRun::find_scripts() {
  const std::string own = tools_.config.path("scripts/on" + record_.kind + ".sh");
  struct stat info {};
  if (::lstat(own.c_str(), &info) == 0) scripts_.push_back(own);
  if (record_.kind != "Terminate") return;
  try {
    for (const auto& script : support::read_shutdown_scripts(tools_.config.path("config")))
      scripts_.push_back(script.path);
  } catch (const Error& e) {
    fail(e.what());
  }
}

void EventRun::advance() {
  while (!is_over()) {
    if (process_ && !collect()) return;
    const auto next = std::find_if(scripts_.begin(), scripts_.end(), [&](const auto& path) {
      return std::find(record_.done.begin(), record_.done.end(), path) == record_.done.end();
    });
    if (next == scripts_.end()) return conclude();
    start(*next);
  }
}

void EventRun::start(const std::string& path) {
  const auto left = std::chrono::floor<milliseconds>(deadline_ - std::chrono::steady_clock::now());
  if (left <= milliseconds::zero()) return end(path, "was not run: no time is left");
  try {
    jetpack::ProcessSpec spec{command_of(path), environment_};
    // Ours may have been removed.
    spec.directory = "/";
    spec.deadline = left;
    spec.grace = grace;
    spec.capture_bytes = capture_bytes;
    process_.emplace(tools_.process.start(std::move(spec)));
    script_ = path;
    tools_.report(JP_LEVEL_DEBUG, record_.kind + ": running " + support::one_line(path));
  } catch (const Error& e) {
    end(path, std::string("was not run: ") + e.what());
  }
}

// False while it runs.
bool EventRun::collect() {
  std::string failure;
  try {
    const auto result = process_->result();
    if (!result) return false;
    failure = failure_of(*result);
  } catch (const Error& e) {
    failure = std::string("was not run: ") + e.what();
  }
  process_.reset();
  end(std::exchange(script_, {}), failure);
  return true;
}

void EventRun::end(const std::string& path, const std::string& failure) {
  record_.done.push_back(path);
  const std::string shown = support::one_line(path);
  if (failure.empty()) tools_.report(JP_LEVEL_INFO, record_.kind + ": " + shown + " succeeded");
  if (!failure.empty()) fail(shown + ' ' + failure);
  tools_.journal.put(record_);
}

void EventRun::fail(const std::string& why) {
  tools_.report(JP_LEVEL_ERROR, record_.kind + ": " + why);
  if (record_.failure.empty()) record_.failure = why;
}

void EventRun::conclude() {
  record_.stage = record_.failure.empty() ? Stage::succeeded : Stage::failed;
  tools_.journal.put(record_);
  if (record_.stage == Stage::failed)
    tools_.report(JP_LEVEL_WARNING,
                  record_.kind + ": not acknowledged, because a script failed; the cloud acts " +
                      (not_before_.empty() ? "when its notice ends" : "at " + not_before_));
}

}  // namespace jetpack::jetpackd
