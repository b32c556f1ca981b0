// `jetpack condition set|list|clear`: reports problems of this node to the cluster.
#include <jetpack/plugin.hpp>
#include <jetpack/table.hpp>
#include "support/shown_time.hpp"
#include "support/text.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Condition;
using jetpack::Conditions;
using jetpack::Errc;
using jetpack::Error;

Conditions::Warn report_to(const Call& call) {
  return [&call](std::string_view text) {
    call.report("jetpack " + std::string(call.command()) + ": " + std::string(text) + '\n');
  };
}

Condition condition_of(const Call& call) {
  if (call.given("action-type") != call.given("ghr-category"))
    throw Error(Errc::usage, "--action-type and --ghr-category must be used together");
  const auto text = [&](const char* option) { return std::string(call.text(option).value_or("")); };
  Condition condition;
  condition.name = text("name");
  condition.health = jetpack::health_of(text("status"));
  condition.message = text("message");
  condition.description = text("description");
  condition.recommendations = text("recommendations");
  condition.details = text("details");
  condition.action_type = text("action-type");
  condition.ghr_category = text("ghr-category");
  return condition;
}

int set_condition(const Call& call) {
  const auto conditions = call.service<Conditions>();
  jetpack::Sender sender(call);
  sender.record(conditions.set(condition_of(call), sender.time_left(), report_to(call)));
  return sender.finish();
}

int clear_condition(const Call& call) {
  const auto given = call.text("NAME");
  if (given.has_value() == call.flag("all")) throw Error(Errc::usage, "specify NAME, or --all");
  const auto conditions = call.service<Conditions>();
  jetpack::Sender sender(call);
  const auto record = [&](std::string_view name, const jetpack::Receipt& receipt) {
    sender.record(receipt, "'" + support::one_line(name) + "'");
  };
  if (!given) {
    conditions.clear_all(sender.time_left(), record, report_to(call));
  } else if (const auto receipt = conditions.clear(*given, sender.time_left(), report_to(call))) {
    record(*given, *receipt);
  } else {
    call.report("jetpack condition clear: no condition '" + support::one_line(*given) +
                "' is set on this node; 'jetpack condition list' shows them\n");
  }
  return sender.finish();
}

std::string list_as_json(const std::vector<Condition>& conditions) {
  jetpack::Json all = jetpack::Json::array();
  for (const auto& condition : conditions) {
    jetpack::Json entry = jetpack::Json::object();
    const auto add = [&](const char* member, const std::string& text) {
      if (!text.empty()) entry.set(member, text);
    };
    add("name", condition.name);
    add("action_type", condition.action_type);
    add("description", condition.description);
    add("details", condition.details);
    add("ghr_category", condition.ghr_category);
    add("message", condition.message);
    add("recommendations", condition.recommendations);
    add("since", condition.since);
    entry.set("status", jetpack::health_text(condition.health));
    all.add(std::move(entry));
  }
  return all.pretty();
}

int list_conditions(const Call& call) {
  const auto all = call.service<Conditions>().list();
  if (call.flag("json")) {
    call.print(list_as_json(all));
  } else if (call.flag("names")) {
    for (const auto& condition : all) call.print(support::one_line(condition.name) + '\n');
  } else if (all.empty()) {
    call.report("No conditions are set.\n");
  } else {
    const support::ShownTimes shown(call);
    jetpack::Table table({"NAME", "STATUS", "SINCE", "MESSAGE"});
    for (const auto& condition : all)
      table.row({support::one_line(condition.name),
                 std::string(jetpack::health_text(condition.health)),
                 support::one_line(shown(condition.since)), support::one_line(condition.message)});
    call.print(table.text());
  }
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.condition", "1.0.0", jetpack::needs<jetpack::Session, jetpack::Conditions>(),
    jetpack::command(
        "condition set", "Report a condition of this node", set_condition,
        jetpack::option("name", 'n', "NAME", "Name of the condition, such as gpu, network or disk")
            .values_from("condition list --names")
            .required(),
        jetpack::option("status", 's', "STATUS", "Status of the condition; OK clears it")
            .choices("NA", "OK", "Warning", "Error")
            .required(),
        jetpack::option("message", 'm', "TEXT", "One-line summary of the problem"),
        jetpack::option("description", 'd', "TEXT", "Explanation of the problem"),
        jetpack::option("recommendations", 'r', "TEXT",
                        "Recommended actions for the administrator"),
        jetpack::option("details", "TEXT", "Details, any number of lines"),
        jetpack::option("action-type", "TYPE", "Action to request from the cloud").choices("GHR"),
        jetpack::option("ghr-category", "CATEGORY",
                        "With --action-type GHR: the Guest Health Reporting impact category"),
        jetpack::wait_option(), jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Records the condition in run/conditions.json and reports it to the cluster. Exit code "
            "0 means delivered or safely queued, and standard error says which. Setting a "
            "condition again replaces all of its texts. A text of more than 64 KiB is cut. Where "
            "the condition cannot be recorded, as on a full disk, it is reported all the same."),
        jetpack::example("jetpack condition set -n gpu -s Error -m 'GPU 3 fell off the bus'",
                         "Report a failed GPU"),
        jetpack::example("jetpack condition set -n gpu -s OK",
                         "Report that the GPU is healthy again")),
    jetpack::command("condition list", "List the conditions that are set on this node",
                     list_conditions, jetpack::flag("json", "Print JSON"),
                     jetpack::flag("names", "Print only the names, a line each"),
                     support::time_option(),
                     jetpack::example("jetpack condition list --json | jq -r '.[].name'",
                                      "Print the names")),
    jetpack::command("condition clear", "Clear conditions of this node", clear_condition,
                     jetpack::argument("NAME", "Name of the condition")
                         .values_from("condition list --names")
                         .optional(),
                     jetpack::flag("all", 'a', "Clear all conditions"), jetpack::wait_option(),
                     jetpack::flag("json", "Print JSON"),
                     jetpack::example("jetpack condition clear gpu",
                                      "Clear the condition gpu, like setting its status to OK")));
