// `jetpack initialize`: checks the connection to the cluster, then starts the services.
#include <unistd.h>

#include <chrono>

#include <jetpack/plugin.hpp>
#include "support/connection_steps.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/log_file.hpp"
#include "support/node_configuration.hpp"
#include "support/settings.hpp"
#include "support/text.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Error;
using std::chrono::milliseconds;

// One thing that was checked.
struct Step {
  std::string name;
  bool is_ok = true;
  std::string found;
  std::string remedy;  // what to do when it failed
};

// The steps, each shown and logged as soon as it is done.
class Steps {
 public:
  Steps(const Call& call, const support::LogFile& log) : call_(call), log_(log) {}

  void add(Step step) {
    const std::string text = step.name + ": " + step.found;
    const bool is_shown = !call_.flag("json");
    if (step.is_ok) {
      log_.info(text);
      if (is_shown) call_.print("ok      " + support::one_line(text) + '\n');
    } else {
      log_.error(text);
      log_.error("Recommendation: " + step.remedy);
      if (is_shown)
        call_.print("failed  " + support::one_line(text) + "\n        " +
                    support::one_line(step.remedy) + '\n');
      is_ok_ = false;
    }
    steps_.push_back(std::move(step));
  }
  void add(std::vector<Step> steps) {
    for (auto& step : steps) add(std::move(step));
  }

  const std::vector<Step>& all() const { return steps_; }
  bool is_ok() const { return is_ok_; }

 private:
  const Call& call_;
  const support::LogFile& log_;
  std::vector<Step> steps_;
  bool is_ok_ = true;
};

// Checks step by step and stops at the first failure.
class Check {
 public:
  Check(const Call& call, Steps& steps)
      : steps_(steps),
        config_(call.service<jetpack::Config>()),
        session_(call.service<jetpack::Session>()),
        time_(*call.duration("timeout")) {}

  void run() {
    if (!directories() || !files()) return;
    settings();
    const auto report = [&](const support::ConnectionStep& step) { add(step); };
    try {
      support::check_server(session_, time_, report);
      if (steps_.is_ok()) support::check_broker(session_, time_, report);
    } catch (const Error& e) {
      failed("configuration", e.what(), support::diagnosis("configuration-invalid").remedy);
    }
  }

 private:
  bool passed(std::string name, std::string found) {
    steps_.add({std::move(name), true, std::move(found), ""});
    return true;
  }
  bool failed(std::string name, std::string found, std::string_view remedy) {
    steps_.add({std::move(name), false, std::move(found), std::string(remedy)});
    return false;
  }
  void add(const support::ConnectionStep& step) {
    if (step.has_failed())
      failed(step.name, step.found, step.problem->remedy);
    else
      passed(step.name, step.found);
  }

  bool directories() {
    for (const char* name : {"config", "logs", "run"}) {
      const std::string path = config_.path(name);
      const int mode = std::string_view(name) == "config" ? R_OK | X_OK : R_OK | W_OK | X_OK;
      if (::access(path.c_str(), mode) != 0)
        return failed("home", path + ": " + support::system_message(errno),
                      "create the directory, owned by root, with the group that uses jetpack; run "
                      "initialize as root");
    }
    return passed("home", config_.path(""));
  }

  bool files() {
    try {
      for (const char* fact : {"url", "cluster", "username"})
        if (!session_.identity(fact))
          return failed("configuration", "this node's " + std::string(fact) + " is not configured",
                        support::diagnosis("not-configured").remedy);
      return passed("configuration", "cluster " + *session_.identity("cluster") + ", node " +
                                         session_.identity("node").value_or("unknown") +
                                         ", server " + *session_.identity("url"));
    } catch (const Error& e) {
      return failed("configuration", e.what(), support::diagnosis("configuration-invalid").remedy);
    }
  }

  // What is wrong with a setting is worth a line, and its default is used.
  void settings() {
    for (const auto& problem : support::setting_problems(config_)) passed("settings", problem);
  }

  Steps& steps_;
  jetpack::Config config_;
  jetpack::Session session_;
  milliseconds time_;
};

// Starts the units, where systemd is running.
class Services {
 public:
  explicit Services(const Call& call) : call_(call) {}

  std::vector<Step> start() const {
    if (::access("/run/systemd/system", F_OK) != 0)
      return {{"services", true,
               "systemd is not running; start the daemon with: jetpackd &, and configure the node "
               "with: "
               "jetpack converge",
               ""}};
    return {enable("jetpackd"), enable("healthcheck"), enable("jetpack-converge")};
  }

 private:
  Step enable(const std::string& unit) const {
    jetpack::ProcessSpec spec{{"systemctl", "enable", "--now", unit}};
    spec.deadline = std::chrono::seconds(60);
    const auto result = call_.service<jetpack::Process>().run(spec);
    if (result.exit_code == 0) return {"services", true, unit + " is running", ""};
    if (result.err.find("does not exist") != std::string::npos)
      return {"services", true, unit + " is not installed as a service", ""};
    return {"services", false,
            "failed to start " + unit + ": " + support::one_line(support::trimmed(result.err)),
            "see: journalctl -u " + unit};
  }

  const Call& call_;
};

std::string to_json(const std::vector<Step>& steps, bool is_ok) {
  const auto add_step = [](support::JsonWriter& json, const Step& step) {
    support::Object object(json);
    object.text("name", step.name).boolean("ok", step.is_ok).text("found", step.found);
    if (!step.is_ok) object.text("remedy", step.remedy);
  };
  return support::shown_json(support::json_object([&](support::Object& result) {
    result.boolean("ok", is_ok).list("steps", steps, add_step);
  }));
}

// Writes the node's configuration: all of it, or what the node knows by itself.
std::vector<Step> configure(const Call& call, const support::LogFile& log, bool is_connected) {
  support::NodeConfiguration configuration(call, log);
  const std::string remedy = "see logs/initialize.log; run initialize as root";
  try {
    if (!is_connected) {
      configuration.update_facts(support::read_metadata(call.service<jetpack::Session>()));
      return {};
    }
    const auto fetched = configuration.refresh();
    configuration.run_ohai();
    if (!fetched.rejection.empty()) return {{"userdata", false, fetched.rejection, remedy}};
    return {{"userdata", true, "version " + fetched.version + " is in config/node.json", ""}};
  } catch (const Error& e) {
    if (is_connected) return {{"userdata", false, e.what(), remedy}};
    log.warning(std::string("cannot write what this node knows of itself: ") + e.what());
    return {};
  }
}

// For targets in cores: how many of them this node is worth. Delivered with the next message.
void publish_cores(const Call& call, const support::LogFile& log) {
  const int64_t cores = call.service<jetpack::Config>().integer_or("cpu.total", 0);
  if (cores <= 0) return;
  try {
    call.service<jetpack::Session>().publish(
        "properties", "{\"properties\":{\"cores\":" + std::to_string(cores) + "}}",
        std::chrono::milliseconds{0});
  } catch (const Error& e) {
    log.warning(std::string("cannot report the number of cores: ") + e.what());
  }
}

int initialize(const Call& call) {
  const auto log = support::node_log(call.service<jetpack::Config>(), "initialize", "initialize");
  Steps steps(call, log);
  Check(call, steps).run();
  steps.add(configure(call, log, steps.is_ok()));
  if (steps.is_ok()) {
    publish_cores(call, log);
    call.service<jetpack::Session>().publish(
        jetpack::installation_message(jetpack::Installation::running), call.duration("timeout"));
    if (!call.flag("no-start")) steps.add(Services(call).start());
  }
  if (call.flag("json")) call.print(to_json(steps.all(), steps.is_ok()));
  return steps.is_ok() ? 0 : 1;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.initialize", "1.0.0",
    jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Process>(),
    jetpack::command(
        "initialize", "Check the connection to the cluster and start the services", initialize,
        jetpack::flag("no-start", "Start no services"),
        jetpack::option("timeout", "DURATION", "Time limit of each step")
            .duration()
            .fallback("10s"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Checks, one after the other, the home tree, the configuration, the name, port and "
            "certificate of the server, the credentials, whether the server knows this node, and "
            "the clock. "
            "At the first failure it prints what was found and what to do, and exits with 1; "
            "'jetpack doctor' looks further. "
            "Otherwise it fetches the node's configuration, writes config/node.json, reports to "
            "the cluster that the installation is running and, where "
            "systemd is running, starts jetpackd, healthcheck and jetpack-converge, which runs "
            "'jetpack converge'. The same lines are in logs/initialize.log."),
        jetpack::example("jetpack initialize", "Set up a node that was just created"),
        jetpack::example("jetpack initialize --no-start --json | jq .ok",
                         "Check, and start no services")));
