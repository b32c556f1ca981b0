// Runs a cycle.
#include "healthcheck/cycle.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>

#include <jetpack/log.hpp>
#include <jetpack/process.hpp>
#include "healthcheck/builtins.hpp"
#include "healthcheck/consequences.hpp"
#include "healthcheck/offered.hpp"
#include "support/converged.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/script_environment.hpp"
#include "support/settings.hpp"
#include "support/text.hpp"

namespace jetpack::healthcheck {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr unsigned cycle_lock_mode = 0660;
// Set in the environment of a check.
constexpr const char* inside_check = "JETPACK_HEALTHCHECK";

int64_t configured(const Call& call, const char* key) {
  const auto warn = [&](const std::string& text) {
    call.report("jetpack healthcheck: " + text + '\n');
  };
  std::optional<std::string> text;
  try {
    text = call.service<Config>().get(key);
  } catch (const Error& e) {
    // A new node has no configuration yet.
    if (e.code() != Errc::unavailable) warn(e.what());
  }
  return support::number_setting(key, text, warn);
}

std::vector<std::string> environment(const Config& config) {
  auto all = support::home_environment(config.path(""));
  all.push_back(std::string(inside_check) + "=1");
  return all;
}

// The scripts.
std::vector<Check> scripts(const Config& config) {
  auto checks = find_checks(config.path("config/healthcheck.d"));
  for (auto& check : checks)
    if (check.name == converge_timeout_name || check.name == scheduled_shutdown_name)
      check.name = "healthcheck.d/" + check.name;
  return checks;
}

// All but the built-in ones. Of plugins that cannot be listed the checks are as they were: `missed` is
// called with each that is known.
template <class Missed>
std::vector<Check> all_checks(const Call& call, const Config& config, const Health& known,
                              Missed missed) {
  auto checks = scripts(config);
  std::set<std::string> names{converge_timeout_name, scheduled_shutdown_name};
  for (const auto& check : checks) names.insert(check.name);
  try {
    for (auto& check : offered_checks(call.service<Process>(), config, names))
      checks.push_back(std::move(check));
  } catch (const Error& e) {
    call.report(std::string("jetpack healthcheck: ") + e.what() + '\n');
    for (const auto& [name, record] : known.checks)
      if (!names.contains(name)) missed(name);
  }
  return checks;
}

// What is known of the check when the kernel still holds a process of it.
const Outcome* hung_process(const Check& check, const Health& known) {
  const auto record = known.checks.find(check.name);
  if (record == known.checks.end()) return nullptr;
  const Outcome& last = record->second.last;
  if (last.left_pid == 0 || last.left_start == 0) return nullptr;
  return start_of_process(last.left_pid) == last.left_start ? &last : nullptr;
}

Outcome still_hung(const Outcome& last) {
  Outcome outcome;
  outcome.state = State::hung;
  outcome.exit_code = -1;
  outcome.message = "still hung: process " + std::to_string(last.left_pid) + " cannot be killed";
  outcome.left_pid = last.left_pid;
  outcome.left_start = last.left_start;
  return outcome;
}

// nullopt where the disk takes no lock: the checks are needed most on such a node.
std::optional<support::FileLock> only_cycle(const Call& call, const Config& config) {
  try {
    return support::FileLock::wait(config.path("run/.health.lock"), cycle_lock_mode);
  } catch (const Error& e) {
    if (e.code() != Errc::unavailable) throw;
    call.report(std::string("jetpack healthcheck: ") + e.what() + '\n');
    return std::nullopt;
  }
}

Health load(const Call& call, const std::string& path) {
  try {
    return read_health(path);
  } catch (const Error& e) {
    if (e.code() != Errc::corrupt) throw;
    call.report("jetpack healthcheck: " + std::string(e.what()) + "; moved to " +
                support::move_aside(path) + "; starting without it\n");
    return {};
  }
}

// Its configuration was applied and, where it has specs, a converge has succeeded.
bool is_configured(const Config& config) {
  return ::access(config.path("config/userdata.json").c_str(), F_OK) == 0 &&
         support::was_configured(config);
}

std::vector<Result> run_builtins(const Config& config, const Settings& settings,
                                 const std::string& name) {
  const auto is_wanted = [&](std::string_view check) { return name.empty() || name == check; };
  std::vector<Result> results;
  if (is_wanted(converge_timeout_name))
    results.push_back(
        {converge_timeout_name,
         check_converge_timeout(is_configured(config), settings.converge_timeout,
                                time_to_configure({config.path("config/connection.json"),
                                                   config.path("config/jetpack.ini"),
                                                   config.path("config/configuration.json")}))});
  if (is_wanted(scheduled_shutdown_name))
    results.push_back(
        {scheduled_shutdown_name, check_scheduled_shutdown(config.path("run/scheduled_shutdown"),
                                                           std::chrono::system_clock::now())});
  return results;
}

// Sorts out which checks run now; the others are kept, or reported as still hung.
class Choice {
 public:
  Choice(const Selection& selection, const Health& known, Ran& ran)
      : selection_(selection), known_(known), ran_(ran) {}

  std::vector<Check> of(std::vector<Check> checks) {
    std::vector<Check> to_run;
    for (auto& check : checks) {
      if (!selection_.name.empty() && selection_.name != check.name) continue;
      if (!is_to_run(check)) {
        ran_.kept.push_back(check.name);
      } else if (const Outcome* hung = hung_process(check, known_)) {
        ran_.results.push_back({check.name, still_hung(*hung)});
      } else {
        to_run.push_back(std::move(check));
      }
    }
    return to_run;
  }

 private:
  bool is_to_run(const Check& check) {
    constexpr milliseconds slack{500};  // a timer may be early
    if (check.interval.count() == 0) return !selection_.is_plugins_only;
    const auto record = known_.checks.find(check.name);
    auto left = time_until_due(check, record == known_.checks.end() ? "" : record->second.ran,
                               std::chrono::system_clock::now());
    const bool is_due = !selection_.is_due_only || left <= slack;
    if (is_due) left = check.interval;
    ran_.next = std::min(left, ran_.next.value_or(left));
    return is_due;
  }

  const Selection& selection_;
  const Health& known_;
  Ran& ran_;
};

}  // namespace

Settings read_settings(const Call& call) {
  Settings settings;
  settings.interval = seconds(configured(call, "cyclecloud.jetpack.healthcheck_interval"));
  settings.limits.deadline = seconds(configured(call, "cyclecloud.jetpack.healthcheck_timeout"));
  settings.strikes = configured(call, "cyclecloud.jetpack.healthcheck_strikes");
  settings.recovery = configured(call, "cyclecloud.jetpack.healthcheck_recovery");
  settings.converge_timeout = seconds(configured(call, "cyclecloud.keepalive.timeout"));
  return settings;
}

Ran run_all(const Call& call, const Settings& settings, const Selection& selection,
            const Health& known) {
  // Each would start all the others, and itself, again.
  if (std::getenv(inside_check) != nullptr)
    throw Error(Errc::failed, "a check cannot run the checks");
  const auto config = call.service<Config>();
  Ran ran;
  if (selection.is_plugins_only) {
    ran.kept = {converge_timeout_name, scheduled_shutdown_name};
  } else {
    ran.results = run_builtins(config, settings, selection.name);
  }
  const bool is_builtin = !selection.name.empty() && !ran.results.empty();
  std::vector<Check> checks;
  if (!is_builtin)
    checks =
        all_checks(call, config, known, [&](const std::string& name) { ran.kept.push_back(name); });
  const auto to_run = Choice(selection, known, ran).of(std::move(checks));
  if (!selection.name.empty() && ran.results.empty() && to_run.empty())
    throw Error(Errc::not_found, "no check '" + support::one_line(selection.name) +
                                     "'; 'jetpack healthcheck list' shows them");
  auto outcomes = run_checks(call.service<Process>(), to_run, environment(config), settings.limits);
  for (size_t i = 0; i < to_run.size(); ++i)
    ran.results.push_back({to_run[i].name, std::move(outcomes[i])});
  return ran;
}

Health list_checks(const Call& call, const Health& known) {
  const auto config = call.service<Config>();
  Health listed;
  const auto add = [&](const std::string& name, const std::string& problem) {
    Record& record = listed.checks[name];
    if (const auto found = known.checks.find(name); found != known.checks.end())
      record = found->second;
    if (problem.empty()) return;
    record.last.state = State::invalid;
    record.last.message = problem;
  };
  add(converge_timeout_name, "");
  add(scheduled_shutdown_name, "");
  const auto checks =
      all_checks(call, config, known, [&](const std::string& name) { add(name, ""); });
  for (const auto& check : checks) add(check.name, check.problem);
  return listed;
}

Ran run_cycle(const Call& call, const Settings& settings, const Selection& selection) {
  const auto config = call.service<Config>();
  const auto lock = only_cycle(call, config);
  const std::string path = health_path(config);
  Health health = load(call, path);
  const auto begin = Clock::now();
  const std::string now = support::iso_8601(std::chrono::system_clock::now());
  auto ran = run_all(call, settings, selection, health);
  Consequences consequences(call, settings, health, now);
  for (const auto& [name, outcome] : ran.results) consequences.record(name, outcome);
  for (const auto& name : ran.kept) consequences.keep(name);
  health.started = now;
  health.elapsed_ms = std::chrono::duration_cast<milliseconds>(Clock::now() - begin).count();
  consequences.draw();
  try {
    write_health(path, health);
    support::write_durably(config.path("run/health.prom"), metrics_of(health), 0640);
  } catch (const Error& e) {
    call.report(std::string("jetpack healthcheck: not recorded: ") + e.what() + '\n');
  }
  return ran;
}

}  // namespace jetpack::healthcheck
