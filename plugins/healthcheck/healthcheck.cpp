// `jetpack healthcheck`: runs the node's health checks, once or as a service.
#include <algorithm>

#include <jetpack/plugin.hpp>
#include "healthcheck/cycle.hpp"
#include "healthcheck/daemon.hpp"
#include "healthcheck/health_file.hpp"
#include "support/json_writer.hpp"
#include "support/shown_time.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace {

namespace health = jetpack::healthcheck;
namespace support = jetpack::support;
using health::Result;
using health::State;
using jetpack::Call;

// Rows of equally many cells below headings; the last column is not padded.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += i + 1 < row.size() ? support::padded(row[i], widths[i] + 2) : row[i];
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

std::string results_as_json(const std::vector<Result>& results) {
  return support::shown_json(
      support::json_array(results, [](support::JsonWriter& json, const Result& result) {
        support::Object(json)
            .text("name", result.name)
            .text("state", health::name_of(result.outcome.state))
            .number("exit_code", result.outcome.exit_code)
            .text("message", result.outcome.message)
            .number("elapsed_ms", result.outcome.elapsed_ms)
            .text("stdout", result.outcome.out)
            .text("stderr", result.outcome.err);
      }));
}

std::string results_as_text(const std::vector<Result>& results) {
  std::vector<std::vector<std::string>> rows{{"NAME", "STATE", "TIME", "MESSAGE"}};
  for (const auto& [name, outcome] : results)
    rows.push_back({name, health::name_of(outcome.state), std::to_string(outcome.elapsed_ms) + "ms",
                    support::one_line(outcome.message)});
  return table(rows);
}

// 0 when all have passed.
int finish(const Call& call, const std::vector<Result>& results) {
  call.print(call.flag("json") ? results_as_json(results) : results_as_text(results));
  const bool all_passed = std::all_of(results.begin(), results.end(), [](const Result& result) {
    return result.outcome.state == State::passed;
  });
  return all_passed ? 0 : 1;
}

int run_cycle(const Call& call) {
  health::Selection selection;
  selection.is_due_only = call.flag("due");
  selection.is_plugins_only = call.flag("plugins");
  const auto ran = health::run_cycle(call, health::read_settings(call), selection);
  // For the service, which sleeps until then.
  if (selection.is_due_only && ran.next && !call.flag("json"))
    call.print("next: " + std::to_string(ran.next->count()) + " ms\n");
  return finish(call, ran.results);
}

health::Health known_health(const Call& call) {
  return health::read_health(health::health_path(call.service<jetpack::Config>()));
}

int run_checks(const Call& call) {
  const std::string name(call.text("NAME").value_or(""));
  health::Selection selection;
  selection.name = name;
  const auto results =
      health::run_all(call, health::read_settings(call), selection, known_health(call)).results;
  const int code = finish(call, results);
  if (call.flag("json")) return code;
  for (const auto& [check, outcome] : results)
    for (const auto& [stream, text] : {std::pair("stdout", &outcome.out), {"stderr", &outcome.err}})
      if (!text->empty())
        call.print("\n" + check + ", " + stream + ":\n" + support::printable(*text) +
                   (text->ends_with('\n') ? "" : "\n"));
  return code;
}

int list_checks(const Call& call) {
  const auto listed = health::list_checks(call, known_health(call));
  if (call.flag("json")) {
    call.print(health::checks_as_json(listed));
    return 0;
  }
  const support::ShownTimes shown(call);
  std::vector<std::vector<std::string>> rows{{"NAME", "STATE", "SINCE", "MESSAGE"}};
  for (const auto& [name, record] : listed.checks)
    rows.push_back({support::one_line(name), health::shown_state(record),
                    record.since.empty() ? "-" : support::one_line(shown(record.since)),
                    support::one_line(record.last.message)});
  call.print(table(rows));
  return 0;
}

int show_history(const Call& call) {
  const auto known = known_health(call);
  if (call.flag("json")) {
    call.print(health::history_as_json(known));
    return 0;
  }
  if (known.history.empty()) {
    call.report("No check has been run.\n");
    return 0;
  }
  const support::ShownTimes shown(call);
  std::vector<std::vector<std::string>> rows{{"TIME", "CHECK", "EVENT", "MESSAGE"}};
  for (const auto& event : known.history)
    rows.push_back({support::one_line(shown(event.time)), support::one_line(event.check),
                    support::one_line(event.what), support::one_line(event.message)});
  call.print(table(rows));
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.healthcheck", "1.0.0",
    jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Process, jetpack::Log,
                   jetpack::Conditions>(),
    jetpack::command(
        "healthcheck", "Run the health checks of this node once", run_cycle,
        jetpack::flag("json", "Print JSON"),
        jetpack::flag("due", "Leave out checks of plugins that are not due by their interval"),
        jetpack::flag("plugins", "Run the checks of plugins only"),
        jetpack::description(
            "Does what the service does in each cycle: runs converge_timeout, scheduled_shutdown "
            "all of config/healthcheck.d (NAME.sh, NAME.py, and executables) and the checks that "
            "plugins offer side by side, records what they show in run/health.json and "
            "logs/healthcheck.log, and reports those "
            "that do not pass to the cluster as conditions.\n\n"
            "A check that exits with 254 asks for the end of its node: the cluster is requested to "
            "terminate it, with the check's output as the reason. Other exit codes are recorded "
            "only. A check that runs too long is killed with all that it has started. A script "
            "that others could have written is not run.\n\n"
            "Exits 0 when all have passed, else 1. 'jetpack healthcheck list' shows what each "
            "showed "
            "last, 'history' what has changed; 'run' tries checks, and 'serve' is the service."),
        jetpack::example("jetpack healthcheck", "Run all checks now"),
        jetpack::example("healthcheck", "The same")),
    jetpack::command("healthcheck run",
                     "Run checks and show their output; record and report nothing", run_checks,
                     jetpack::argument("NAME", "Name of the check; all by default").optional(),
                     jetpack::flag("json", "Print JSON"),
                     jetpack::example("jetpack healthcheck run gpu.sh",
                                      "Try a check that was just written")),
    jetpack::command("healthcheck list", "List the checks and what they showed last", list_checks,
                     jetpack::flag("json", "Print JSON"), support::time_option(),
                     jetpack::example("jetpack healthcheck list", "Which checks fail, and why")),
    jetpack::command("healthcheck history", "List what has changed, oldest first", show_history,
                     jetpack::flag("json", "Print JSON"), support::time_option(),
                     jetpack::example("jetpack healthcheck history --json | jq '.[-1]'",
                                      "The last change")),
    jetpack::command(
        "healthcheck serve", "Run the health checks every ten minutes", health::serve,
        jetpack::description(
            "The service. Runs a cycle at once, and then every INTERVAL minutes (a variable of the "
            "environment) or, where that is 10 or not set, every "
            "cyclecloud.jetpack.healthcheck_interval seconds (600 by default). "
            "SIGHUP runs one at once; SIGTERM ends the service and what it runs."),
        jetpack::example("systemctl start healthcheck",
                         "Start the service (unit file in share/jetpack/systemd)")));
