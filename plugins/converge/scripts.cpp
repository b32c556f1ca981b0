// Runs the scripts of the specs.
#include "converge/scripts.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "converge/script.hpp"
#include "support/program.hpp"
#include "support/times.hpp"

namespace jetpack::converge {

namespace {

using std::chrono::milliseconds;

// Empty where it cannot be read, which running it reports.
std::string hash_or_empty(const std::string& path) {
  try {
    return script_sha256(path);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

Scripts::Scripts(const Process& process, Narrator& narrator, const Place& place,
                 const Options& options, const std::vector<support::Spec>& specs, Announce announce)
    : process_(process),
      narrator_(narrator),
      place_(place),
      options_(options),
      specs_(specs),
      announce_(std::move(announce)),
      state_(place.home + "/config/cluster-init.jsonl", place.instance),
      markers_(place.directory),
      stages_(find_stages(place.directory, specs)),
      boot_(support::boot_id()) {}

std::string Scripts::log_of(const Script& script) const {
  return place_.home + "/logs/cluster-init/" + script.key + ".out";
}

Step Scripts::step_of(const Script& script) const {
  Step step;
  step.action = "script";
  step.name = script.name;
  step.project = specs_[script.spec].project;
  step.spec = specs_[script.spec].name;
  step.stage = name_of(script.stage);
  step.path = script.path;
  step.log = log_of(script);
  return step;
}

Decision Scripts::decision_on(const Script& script) const {
  if (options_.reruns_all) return {Verdict::run, "--rerun-scripts"};
  const bool is_new = state_.is_new();
  const Situation now{is_new ? nullptr : state_.find(script.key),
                      !is_new && markers_.exists(script.key),
                      markers_.disk(),
                      boot_,
                      hash_or_empty(script.path),
                      options_.reruns_edited};
  return decide(now);
}

std::vector<Step> Scripts::plan() const {
  std::vector<Step> steps;
  for (const auto& script : stages_.scripts) {
    const auto decision = decision_on(script);
    steps.push_back(step_of(script));
    steps.back().status = decision.verdict == Verdict::run ? "would run" : "would skip";
    steps.back().why = decision.why;
  }
  for (const auto& ignored : stages_.ignored) {
    Step step;
    step.action = "script";
    step.status = "would ignore";
    step.name = ignored.path.substr(ignored.path.rfind('/') + 1);
    step.path = ignored.path;
    step.why = ignored.why;
    steps.push_back(step);
  }
  return steps;
}

void Scripts::prepare() {
  for (const auto& warning : state_.warnings()) narrator_.warn(warning);
  const bool is_new = state_.is_new();
  if (options_.reruns_all) {
    state_.forget_all();
    markers_.remove_all();
  }
  state_.open();
  if (is_new) markers_.remove_foreign(place_.instance);
  markers_.name_disk();
  forget_gone();
  for (const auto& script : stages_.scripts) make_executable(place_.directory, script.path);
  for (const auto& ignored : stages_.ignored) {
    const std::string line = "Ignoring " + ignored.path + ": " + ignored.why;
    if (ignored.is_odd)
      narrator_.warn(line);
    else
      narrator_.remark(line);
  }
}

// Records of scripts that are to run again, so that it is known should the disk be another one
// before they have; and records and markers of those that their spec does not have any more.
void Scripts::forget_gone() {
  std::set<std::string> present;
  for (const auto& script : stages_.scripts) {
    const auto decision = decision_on(script);
    if (state_.find(script.key) == nullptr || decision.verdict != Verdict::run) continue;
    reasons_[script.key] = decision.why;
    state_.forget(script.key);
    markers_.remove(script.key);
  }
  for (const auto& script : stages_.scripts) present.insert(script.key);
  for (const auto& spec : specs_) {
    const std::string start = spec.project + '/' + spec.name + '/';
    std::vector<std::string> gone;
    for (const auto& [key, record] : state_.records())
      if (key.starts_with(start) && !present.contains(key)) gone.push_back(key);
    for (const auto& key : gone) state_.forget(key);
    for (const auto& key : markers_.keys_of(spec))
      if (!present.contains(key)) markers_.remove(key);
  }
}

void Scripts::run(std::vector<Step>& steps) {
  prepare();
  try {
    run_all(steps);
  } catch (const Error&) {
    settle();
    throw;
  }
  settle();
}

void Scripts::run_all(std::vector<Step>& steps) {
  std::string group;
  for (const auto& script : stages_.scripts) {
    ++number_;
    const auto& spec = specs_[script.spec];
    const std::string start = "Running cluster-init scripts for project '" + with_version(spec) +
                              "' spec '" + spec.name + "'";
    if (std::exchange(group, start + name_of(script.stage)) != start + name_of(script.stage))
      narrator_.say(start);
    const auto decision = decision_on(script);
    steps.push_back(step_of(script));
    if (decision.verdict != Verdict::run) {
      skip(script, decision);
      steps.back().status = "skipped";
      steps.back().why = decision.why;
      continue;
    }
    const auto reason = reasons_.find(script.key);
    run_script(script, reason == reasons_.end() ? decision.why : reason->second, steps.back());
  }
}

void Scripts::skip(const Script& script, const Decision& decision) {
  narrator_.say("Script " + script.name + " has already run successfully, skipping");
  if (decision.verdict == Verdict::edited)
    narrator_.warn("script " + script.path +
                   " was edited since it ran; use --rerun-scripts, or remove its marker, to run it "
                   "again");
  const Record* known = state_.find(script.key);
  if (known != nullptr && markers_.exists(script.key) && known->disk == markers_.disk()) {
    // It may have been written shortly before a crash.
    if (!known->marked) unsettled_.push_back(script.key);
    return;
  }
  store(script, known != nullptr ? *known : new_record(script, hash_or_empty(script.path)));
}

Record Scripts::new_record(const Script& script, const std::string& sha256) const {
  return {sha256, specs_[script.spec].version, "",
          support::iso_8601(std::chrono::system_clock::now())};
}

// The marker first: it says enough should we be killed before the record is there.
void Scripts::store(const Script& script, Record record) {
  record.disk = markers_.disk();
  record.marked = false;
  record.boot = boot_;
  try {
    if (!markers_.exists(script.key)) markers_.write(script.key, record, place_.instance);
    unsettled_.push_back(script.key);
  } catch (const Error& e) {
    record.boot.clear();
    narrator_.warn(e.what());
  }
  state_.put(script.key, record);
}

void Scripts::run_script(const Script& script, const std::string& why, Step& step) {
  const auto& spec = specs_[script.spec];
  step.status = "running";
  step.why = why;
  // Until it has succeeded again.
  state_.forget(script.key);
  markers_.remove(script.key);
  try {
    OutputFile output(place_.home + "/logs", "cluster-init/" + script.key + ".out");
    narrator_.say("Executing cluster-init script: " + script.path + ", output written to " +
                  output.path());
    const std::string sha256 = script_sha256(script.path);
    auto prepared = prepare_script(place_.directory, script.path);
    for (const auto& note : prepared.notes) narrator_.warn(note);
    const Ran ran = execute(script, output, std::move(prepared.argv));
    step.elapsed_ms = ran.elapsed.count();
    step.code = ran.code;
    if (ran.code != 0) {
      narrator_.log().error("Failed to execute cluster-init script '" + script.path + "' (" +
                            std::to_string(ran.code) + ')');
      throw Failed(script_failure(spec, script.path, ran.code, output.tail()));
    }
    store(script, new_record(script, sha256));
    narrator_.say("Script " + script.name + " ran successfully");
    step.status = "ran";
  } catch (const Failed&) {
    throw;
  } catch (const Error& e) {
    narrator_.log().error("Failed to execute cluster-init script '" + script.path +
                          "': " + e.what());
    throw Failed(start_failure(spec, script.path, e.what()));
  }
}

Ran Scripts::execute(const Script& script, OutputFile& output, std::vector<std::string> argv) {
  const auto& spec = specs_[script.spec];
  const std::string directory = script.path.substr(0, script.path.rfind('/'));
  const std::string what = "[" + std::to_string(number_) + '/' +
                           std::to_string(stages_.scripts.size()) + "] " + script.name + " (" +
                           spec.project + '/' + spec.name + ')';
  narrator_.progress().begin(what);
  bool is_announced = false;
  const auto show = [&](milliseconds elapsed) {
    const std::string piece = output.read_more();
    narrator_.echo(piece);
    narrator_.progress().update(elapsed, piece);
  };
  const Ran ran =
      run_task(process_,
               {std::move(argv), support::script_environment(place_.home, place_.directory, spec),
                directory},
               output, [&](milliseconds elapsed) {
                 // Of the script before: it costs nothing while this one runs.
                 state_.sync();
                 show(elapsed);
                 if (is_announced || elapsed < announced_after) return;
                 is_announced = true;
                 settle();
                 announce_("running cluster-init script " + what);
               });
  for (std::string piece = output.read_more(); !piece.empty(); piece = output.read_more())
    narrator_.echo(piece);
  narrator_.progress().clear();
  return ran;
}

// All at once, because each takes as long as a short script. Until then they count in this boot.
void Scripts::settle() {
  state_.sync();
  for (const auto& key : markers_.sync(std::exchange(unsettled_, {}))) state_.mark(key);
  state_.sync();
}

}  // namespace jetpack::converge
