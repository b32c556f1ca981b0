// One run of converge.
#include "converge/run.hpp"

#include <unistd.h>

#include <chrono>

#include <jetpack/config.hpp>
#include <jetpack/session.hpp>
#include <jetpack/storage.hpp>
#include "converge/chef.hpp"
#include "converge/cluster_report.hpp"
#include "converge/configuration.hpp"
#include "converge/fetch.hpp"
#include "converge/history.hpp"
#include "converge/narrator.hpp"
#include "converge/options.hpp"
#include "converge/scripts.hpp"
#include "converge/specs.hpp"
#include "support/converged.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/settings.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::converge {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr unsigned lock_mode = 0600;
constexpr unsigned directory_mode = 0755;

Options options_of(const Call& call) {
  Options options;
  options.mode = call.text("mode").value_or("install");
  options.only_scripts = call.flag("cluster-init");
  options.reruns_all = call.flag("rerun-scripts");
  options.is_offline = call.flag("offline");
  options.is_dry = call.flag("dry-run");
  options.syncs = !options.is_offline && !call.flag("no-sync");
  return options;
}

Instance this_instance(const Call& call, const Config& config) {
  constexpr uint64_t max_id = 256;
  Instance instance;
  instance.vm = config.get_or("azure.metadata.compute.vmId", "");
  if (instance.vm.empty() || instance.vm == "None")
    instance.vm = call.service<Session>().identity("instance").value_or("");
  if (const auto id = support::read_file("/etc/machine-id", max_id))
    instance.machine = support::trimmed(*id);
  return instance;
}

class Converge {
 public:
  explicit Converge(const Call& call)
      : call_(call),
        config_(call.service<Config>()),
        session_(call.service<Session>()),
        narrator_(call),
        options_(options_of(call)),
        report_(session_, narrator_, !options_.is_offline) {}

  int run() {
    start_ = Clock::now();
    run_.started = support::iso_8601(std::chrono::system_clock::now());
    run_.mode = options_.mode;
    run_.status = "running";
    try {
      converge();
      run_.status = "ok";
    } catch (const Error& e) {
      if (options_.is_dry) throw;
      const Failure failure = failure_of(e);
      fail(failure);
      // Longer than an error that the host reports.
      if (!call_.flag("json"))
        call_.report("jetpack converge: " + support::printable(text_of(failure)) + '\n');
    }
    if (!options_.is_dry && run_.status == "ok") finish();
    if (call_.flag("json")) print_json();
    return run_.status == "failed" ? 1 : 0;
  }

 private:
  void converge() {
    place_.home = config_.path("");
    while (place_.home.size() > 1 && place_.home.ends_with('/')) place_.home.pop_back();
    if (!options_.is_offline && !options_.is_dry) fetch_configuration();
    constexpr const char* rerun_key = "cyclecloud.jetpack.rerun_edited_scripts";
    options_.reruns_edited = support::flag_setting(rerun_key, config_.get(rerun_key),
                                                   [&](const auto& text) { narrator_.warn(text); });
    place_.directory = support::cluster_init_directory(config_);
    place_.instance = this_instance(call_, config_);
    const auto wanted = distinct_specs(support::node_specs(config_));
    const auto chef = options_.only_scripts ? ChefPlan() : plan_chef(config_, wanted);
    if (!options_.is_dry) support::create_directories(place_.directory, directory_mode);
    if (options_.is_dry && !options_.is_offline)
      plan("configuration", "would fetch", "the server may have another");
    if (options_.syncs) fetch_specs(wanted, !chef.run_list.empty());
    find_specs(wanted);
    Scripts scripts(call_.service<Process>(), narrator_, place_, options_, specs_,
                    [this](const std::string& what) { announce(what); });
    if (options_.is_dry) return show_plan(chef, scripts.plan());
    if (!chef.run_list.empty()) chef_step(chef);
    scripts.run(run_.steps);
  }

  void find_specs(const std::vector<support::Spec>& wanted) {
    std::vector<std::string> skipped;
    // A dry run has fetched nothing: it shows what is in the locker for those that are not here.
    auto looked_for = wanted;
    if (options_.is_dry && options_.syncs)
      for (auto& spec : looked_for) spec.optional = true;
    specs_ = present_specs(place_.directory, looked_for, skipped);
    if (options_.is_dry) return;
    for (const auto& name : skipped)
      narrator_.say("Skipping optional spec " + name + ": not in " + place_.directory);
  }

  // All of them, before the first script runs.
  void fetch_specs(const std::vector<support::Spec>& wanted, bool wants_chef) {
    if (wanted.empty()) return;
    const auto storage = call_.service<Storage>();
    const auto start = Clock::now();
    bool is_announced = false;
    Fetch fetch(storage, narrator_, place_.directory, place_.home, wants_chef,
                [&](const std::string& what) {
                  if (is_announced || elapsed_since(start) < announced_after) return;
                  is_announced = true;
                  announce(what);
                });
    if (!options_.is_dry) return fetch.fetch(wanted, run_.steps);
    for (const auto& spec : wanted) fetch.plan(spec, run_.steps);
  }

  // Runs one step, and notes what became of it.
  template <class Work>
  void step(const char* action, Work work) {
    run_.steps.emplace_back();
    run_.steps.back().action = run_.steps.back().name = action;
    run_.steps.back().status = "running";
    const auto start = Clock::now();
    try {
      work(run_.steps.back());
    } catch (const Error&) {
      run_.steps.back().elapsed_ms = elapsed_since(start).count();
      throw;
    }
    run_.steps.back().elapsed_ms = elapsed_since(start).count();
    run_.steps.back().status = "ran";
  }

  void fetch_configuration() {
    step("configuration", [&](Step&) { update_configuration(call_, narrator_); });
  }

  void chef_step(const ChefPlan& plan) {
    step("chef", [&](Step& chef) {
      bool is_announced = false;
      run_chef(call_.service<Process>(), config_, narrator_, place_.home, specs_, plan, chef,
               [&](milliseconds elapsed) {
                 if (is_announced || elapsed < announced_after) return;
                 is_announced = true;
                 announce("running Chef");
               });
    });
  }

  void show_plan(const ChefPlan& chef, std::vector<Step> scripts) {
    if (!chef.run_list.empty()) plan("chef", "would run", chef.client);
    run_.steps.insert(run_.steps.end(), scripts.begin(), scripts.end());
    if (call_.flag("json")) return;
    for (const auto& step : run_.steps)
      call_.print(support::padded(step.status, sizeof "would ignore ") +
                  support::one_line(step.path.empty() ? step.name : step.path) + ": " +
                  support::one_line(step.why) + '\n');
    if (run_.steps.empty()) call_.print("nothing to do: the node has no specs\n");
  }

  void plan(const char* action, const char* status, const std::string& why) {
    run_.steps.emplace_back();
    run_.steps.back().action = run_.steps.back().name = action;
    run_.steps.back().status = status;
    run_.steps.back().why = why;
  }

  static milliseconds elapsed_since(Clock::time_point start) {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
  }

  void store() {
    run_.elapsed_ms = elapsed_since(start_).count();
    try {
      store_run(support::converge_history_file(config_), run_);
    } catch (const Error& e) {
      narrator_.warn(e.what());
    }
  }

  void announce(const std::string& what) {
    store();
    report_.announce(run_, what);
  }

  void fail(const Failure& failure) {
    run_.status = "failed";
    run_.failure = failure;
    if (!run_.steps.empty() && run_.steps.back().status == "running")
      run_.steps.back().status = "failed";
    narrator_.progress().clear();
    narrator_.log().error("Software configuration failed: " + failure.description);
    if (!failure.recommendation.empty())
      narrator_.log().error("Recommendation: " + failure.recommendation);
    if (!failure.detail.empty()) narrator_.log().error(failure.detail);
    finish();
  }

  void finish() {
    run_.ended = support::iso_8601(std::chrono::system_clock::now());
    store();
    report_.finish(run_);
  }

  void print_json() const {
    call_.print(support::shown_json(
        support::json_text([&](support::JsonWriter& json) { write_run(json, run_); })));
  }

  const Call& call_;
  Config config_;
  Session session_;
  Narrator narrator_;
  Options options_;
  ClusterReport report_;
  Place place_;
  std::vector<support::Spec> specs_;
  Run run_;
  Clock::time_point start_;
};

// Whether the service has nothing to do.
bool is_idle_at_boot(const Call& call, const Config& config) {
  if (!call.flag("at-boot")) return false;
  try {
    return !config.flag_or("cyclecloud.converge_on_boot", true) && support::is_converged(config);
  } catch (const Error&) {
    return false;  // a new node has no configuration yet
  }
}

}  // namespace

int run_converge(const Call& call) {
  if (::geteuid() != 0)
    throw Error(Errc::denied, "must be run as root; try: sudo jetpack converge");
  const auto config = call.service<Config>();
  if (is_idle_at_boot(call, config)) {
    call.report(
        "jetpack converge: nothing to do: cyclecloud.converge_on_boot is false, and the node is "
        "configured\n");
    return 0;
  }
  const std::string lock = config.path("config/.converge.lock");
  // A dry run changes nothing, and may be asked for while another one runs.
  if (call.flag("dry-run")) return Converge(call).run();
  const auto held = support::FileLock::attempt(lock, lock_mode);
  if (!held)
    throw Error(Errc::failed, "another converge is running: " + support::FileLock::holder(lock) +
                                  "; wait for it, or see logs/jetpack.log");
  return Converge(call).run();
}

}  // namespace jetpack::converge
