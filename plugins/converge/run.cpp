// One run of converge.
#include "converge/run.hpp"

#include <unistd.h>

#include <chrono>

#include <jetpack/config.hpp>
#include <jetpack/session.hpp>
#include "converge/history.hpp"
#include "converge/narrator.hpp"
#include "converge/options.hpp"
#include "converge/scripts.hpp"
#include "converge/specs.hpp"
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

Options options_of(const Call& call, const Config& config, Narrator& narrator) {
  constexpr const char* rerun_key = "cyclecloud.jetpack.rerun_edited_scripts";
  Options options;
  options.mode = call.text("mode").value_or("install");
  options.only_scripts = call.flag("cluster-init");
  options.reruns_all = call.flag("rerun-scripts");
  options.reruns_edited = support::flag_setting(rerun_key, config.get(rerun_key),
                                                [&](const auto& text) { narrator.warn(text); });
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
        narrator_(call),
        options_(options_of(call, config_, narrator_)) {}

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
      fail(failure_of(e));
      finish();
      if (!call_.flag("json")) throw;
      print_json();
      return 1;
    }
    if (!options_.is_dry) finish();
    if (call_.flag("json")) print_json();
    return 0;
  }

 private:
  void converge() {
    place_ = {config_.path(""), support::cluster_init_directory(config_),
              this_instance(call_, config_)};
    while (place_.home.size() > 1 && place_.home.ends_with('/')) place_.home.pop_back();
    const auto wanted = distinct_specs(support::node_specs(config_));
    if (!options_.is_dry) support::create_directories(place_.directory, directory_mode);
    std::vector<std::string> skipped;
    specs_ = present_specs(place_.directory, wanted, skipped);
    for (const auto& name : skipped)
      narrator_.say("Skipping optional spec " + name + ": not in " + place_.directory);
    Scripts scripts(call_.service<Process>(), narrator_, place_, options_, specs_,
                    [this](const std::string& what) { announce(what); });
    if (options_.is_dry) {
      show_plan(scripts.plan());
    } else {
      scripts.run(run_.steps);
    }
  }

  void show_plan(std::vector<Step> steps) {
    run_.steps = std::move(steps);
    if (call_.flag("json")) return;
    for (const auto& step : run_.steps)
      call_.print(support::padded(step.status, sizeof "would ignore ") +
                  support::one_line(step.path) + ": " + support::one_line(step.why) + '\n');
    if (run_.steps.empty()) call_.print("nothing to do: the node has no specs\n");
  }

  // Reports to the cluster. That it cannot be reported does not end a converge.
  void publish(const std::string& data) {
    try {
      const auto wait =
          options_.is_offline ? std::optional(milliseconds{0}) : std::optional<milliseconds>();
      call_.service<Session>().publish("installation", data, wait);
    } catch (const Error& e) {
      narrator_.warn("cannot report the status to the cluster: " + std::string(e.what()));
    }
  }

  void store() {
    run_.elapsed_ms = std::chrono::duration_cast<milliseconds>(Clock::now() - start_).count();
    try {
      store_run(config_.path("run/converge.json"), run_);
    } catch (const Error& e) {
      narrator_.warn(e.what());
    }
  }

  void announce(const std::string& what) {
    store();
    publish(support::json_object([&](support::Object& data) {
      data.text("status", "running").text("message", "running cluster-init script " + what);
    }));
  }

  void fail(const Failure& failure) {
    run_.status = "failed";
    run_.failure = failure;
    narrator_.progress().clear();
    narrator_.log().error("Software configuration failed: " + failure.description);
    if (!failure.recommendation.empty())
      narrator_.log().error("Recommendation: " + failure.recommendation);
    if (!failure.detail.empty()) narrator_.log().error(failure.detail);
    publish(installation_data(failure));
  }

  void finish() {
    run_.ended = support::iso_8601(std::chrono::system_clock::now());
    store();
    if (run_.status == "ok") publish(R"({"status":"ok"})");
  }

  void print_json() const {
    call_.print(support::shown_json(
        support::json_text([&](support::JsonWriter& json) { write_run(json, run_); })));
  }

  const Call& call_;
  Config config_;
  Narrator narrator_;
  Options options_;
  Place place_;
  std::vector<support::Spec> specs_;
  Run run_;
  Clock::time_point start_;
};

}  // namespace

int run_converge(const Call& call) {
  if (::geteuid() != 0)
    throw Error(Errc::denied, "must be run as root; try: sudo jetpack converge");
  const std::string lock = call.service<Config>().path("config/.converge.lock");
  // A dry run changes nothing, and may be asked for while another one runs.
  if (call.flag("dry-run")) return Converge(call).run();
  const auto held = support::FileLock::attempt(lock, lock_mode);
  if (!held)
    throw Error(Errc::failed, "another converge is running: " + support::FileLock::holder(lock) +
                                  "; wait for it, or see logs/jetpack.log");
  return Converge(call).run();
}

}  // namespace jetpack::converge
