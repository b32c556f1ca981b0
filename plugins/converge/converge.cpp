// `jetpack converge`: configures the node from its projects.
#include <jetpack/plugin.hpp>
#include "converge/history.hpp"
#include "converge/run.hpp"
#include "support/converged.hpp"
#include "support/file_lock.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;

std::string shown_ms(int64_t ms) {
  return ms < 10'000 ? std::to_string(ms) + "ms"
                     : support::short_duration(std::chrono::seconds(ms / 1000));
}

std::string shown_step(const jetpack::converge::Step& step) {
  std::string line = "  " + support::padded(step.status, 9) +
                     support::padded(shown_ms(step.elapsed_ms), 8) + step.name;
  if (!step.project.empty()) line += " (" + step.project + '/' + step.spec + ')';
  if (step.code && *step.code != 0) line += ", return code " + std::to_string(*step.code);
  return support::one_line(line) + '\n';
}

// What failed, what to do, and where the output is.
std::string shown_failure(const jetpack::converge::Failure& failure,
                          const std::vector<jetpack::converge::Step>& steps) {
  std::string text = "  " + support::one_line(failure.description) + '\n';
  if (!failure.recommendation.empty())
    text += "  Recommendation: " + support::one_line(failure.recommendation) + '\n';
  if (!steps.empty() && !steps.back().log.empty())
    text += "  Output: " + support::one_line(steps.back().log) + '\n';
  return text;
}

int show_history(const Call& call) {
  const auto config = call.service<jetpack::Config>();
  auto runs = jetpack::converge::read_history(support::converge_history_file(config)).runs;
  // Of what is stored as running only the last can be, and only while the lock is held.
  const bool is_running =
      !runs.empty() && support::FileLock::is_held(config.path("config/.converge.lock"));
  for (auto& run : runs)
    if (run.status == "running" && !(is_running && &run == &runs.back()))
      run.status = "interrupted";
  if (call.flag("json")) {
    call.print(support::shown_json(support::json_array(runs, jetpack::converge::write_run)));
    return 0;
  }
  if (runs.empty()) call.report("No converge has been run.\n");
  for (const auto& run : runs) {
    call.print(support::one_line(run.started + "  " + run.status + "  " + shown_ms(run.elapsed_ms) +
                                 "  " + run.mode) +
               '\n');
    for (const auto& step : run.steps) call.print(shown_step(step));
    if (run.failure) call.print(shown_failure(*run.failure, run.steps));
  }
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.converge", "1.0.0",
    jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Process, jetpack::Log>(),
    jetpack::command(
        "converge", "Configure this node from its projects", jetpack::converge::run_converge,
        jetpack::flag("cluster-init", "Run only the cluster-init scripts, and print their output"),
        jetpack::option("mode", "MODE", "Why it is run: to set the node up, or to keep it so")
            .choices("install", "maintenance")
            .fallback("install"),
        jetpack::flag("rerun-scripts", "Run all scripts again, also those that have succeeded"),
        jetpack::flag("no-sync", "Do not fetch the projects; use what is on disk"),
        jetpack::flag("offline", "Contact neither the server nor the locker; use what is on disk"),
        jetpack::flag("debug", "Print every decision and the output of the scripts"),
        jetpack::flag("dry-run", "Print what would be fetched, run and skipped; change nothing"),
        jetpack::flag("at-boot",
                      "Do nothing where cyclecloud.converge_on_boot is false and the node is "
                      "configured; for the service"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Fetches the node's configuration and the specs of its projects, and runs their "
            "cluster-init scripts that have not run yet: stages/install.sh of all specs, then "
            "scripts/*.sh in the order of the specs and of their names, then stages/activate.sh. "
            "All specs are in /mnt/cluster-init/PROJECT/SPEC before the first script runs.\n\n"
            "A script that has succeeded does not run again on this instance, also when the "
            "resource disk is empty after a deallocation. It does after a reimage, with "
            "--rerun-scripts, or when its marker in /mnt/cluster-init/.run is removed. One that "
            "was edited since is reported; 'cyclecloud.jetpack.rerun_edited_scripts' runs it "
            "again. A script that was interrupted runs again at the next converge.\n\n"
            "The output of each is in logs/cluster-init/PROJECT/SPEC/scripts/NAME.out. The first "
            "one that fails ends the converge, and is reported to the cluster with the end of its "
            "output; 'jetpack converge history' and logs/jetpack.log show what happened. Must be "
            "run "
            "as root."),
        jetpack::example("jetpack converge", "Configure the node"),
        jetpack::example("jetpack converge --dry-run", "What would be done, and why"),
        jetpack::example("jetpack converge --cluster-init --offline",
                         "Run the scripts on disk that are left"),
        jetpack::example(
            "rm /mnt/cluster-init/.run/site/default/scripts/a.sh.run && jetpack converge",
            "Run one script again")),
    jetpack::command("converge history", "List the last runs of converge and their steps",
                     show_history, jetpack::flag("json", "Print JSON"),
                     jetpack::example("jetpack converge history --json | jq '.[-1].failure'",
                                      "Why the last one failed")));
