// `jetpack condition set|list|clear`: reports problems of this node to the cluster.
#include <array>

#include <jetpack/plugin.hpp>
#include "support/conditions.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Errc;
using jetpack::Error;
using support::Object;

constexpr size_t max_name = 128;

// The options, and the member of the message that each one sets.
struct Text {
  const char* option;
  const char* member;
};
constexpr std::array condition_texts{Text{"status", "status"},
                                     Text{"message", "message"},
                                     Text{"description", "description"},
                                     Text{"recommendations", "recommendations"},
                                     Text{"details", "details"},
                                     Text{"action-type", "action_type"},
                                     Text{"ghr-category", "ghr_category"}};

using support::Condition;
using support::Conditions;

void add_texts(support::Object& to, const Condition& condition) {
  for (const auto& [member, text] : condition) to.text(member, text);
}

void report_line(const Call& call, const std::string& text) {
  call.report("jetpack " + std::string(call.command()) + ": " + text + '\n');
}

// nullopt when the conditions of this node cannot be used; says why.
std::optional<support::ConditionFile> open_state(const Call& call) {
  try {
    return std::optional<support::ConditionFile>(
        std::in_place, call.service<jetpack::Config>(),
        [&call](const std::string& text) { report_line(call, text); });
  } catch (const Error& e) {
    report_line(call, std::string("not recorded on this node: ") + e.what());
    return std::nullopt;
  }
}

std::string checked_name(std::string_view name) {
  if (name.empty() || name.size() > max_name || support::one_line(name) != name)
    throw Error(Errc::usage, "'" + support::one_line(name.substr(0, 80)) +
                                 "' is not a valid condition name; expected 1 to " +
                                 std::to_string(max_name) + " bytes of printable text");
  return std::string(name);
}

Condition condition_of(const Call& call) {
  if (call.given("action-type") != call.given("ghr-category"))
    throw Error(Errc::usage, "--action-type and --ghr-category must be used together");
  Condition condition;
  for (const auto& [option, member] : condition_texts) {
    const auto text = call.text(option);
    if (!text) continue;
    condition[member] = support::well_formed(*text);
    if (condition[member].size() <= support::max_condition_text) continue;
    call.report("jetpack condition set: --" + std::string(option) + " has " +
                std::to_string(condition[member].size()) + " bytes, the limit is " +
                std::to_string(support::max_condition_text) + ", the rest is cut\n");
    condition[member] = support::cut(condition[member], support::max_condition_text);
  }
  return condition;
}

// Publishes while it holds the lock, so that the server receives changes in their order.
int set_condition(const Call& call) {
  const std::string name = checked_name(*call.text("name"));
  const Condition condition = condition_of(call);
  const std::string data = support::condition_message(name, condition);
  auto state = open_state(call);
  if (state && condition.at("status") == "OK") {
    state->remove(name);
  } else if (state) {
    state->set(name, condition);
  }
  jetpack::Sender sender(call);
  sender.publish("condition", data);
  return sender.finish();
}

int clear_condition(const Call& call) {
  const auto given = call.text("NAME");
  if (given.has_value() == call.flag("all")) throw Error(Errc::usage, "specify NAME, or --all");
  std::optional<std::string> single;
  if (given) single = checked_name(*given);
  auto state = open_state(call);
  if (!state && !single) throw Error(Errc::failed, "the conditions of this node are not known");
  std::vector<std::string> names;
  if (single && state && state->all().find(*single) == state->all().end()) {
    call.report("jetpack condition clear: no condition '" + *single +
                "' is set on this node; 'jetpack condition list' shows them\n");
    if (call.flag("json")) call.print("[]\n");
    return 0;
  }
  if (single) names.push_back(*single);
  if (!single)
    for (const auto& [name, condition] : state->all()) names.push_back(name);
  jetpack::Sender sender(call);
  for (const auto& name : names) {
    if (state) state->remove(name);
    sender.publish("condition", support::condition_message(name, {{"status", "OK"}}),
                   "'" + support::one_line(name) + "'");
  }
  return sender.finish();
}

std::string list_as_json(const Conditions& conditions) {
  const auto add = [](support::JsonWriter& json, const auto& entry) {
    Object condition(json);
    condition.text("name", entry.first);
    add_texts(condition, entry.second);
  };
  return support::shown_json(support::json_array(conditions, add));
}

std::string list_as_text(const Conditions& conditions) {
  const auto get = [](const Condition& condition, const char* key) {
    const auto found = condition.find(key);
    return found == condition.end() ? std::string() : support::one_line(found->second);
  };
  size_t width = std::string_view("NAME").size();
  for (const auto& [name, condition] : conditions)
    width = std::max(width, support::one_line(name).size());
  std::string text =
      support::padded("NAME", width) + "  STATUS   SINCE                     MESSAGE\n";
  for (const auto& [name, condition] : conditions)
    text += support::padded(support::one_line(name), width) + "  " +
            support::padded(get(condition, "status"), 7) + "  " +
            support::padded(get(condition, "since"), 24) + "  " + get(condition, "message") + '\n';
  return text;
}

int list_conditions(const Call& call) {
  const auto all =
      support::read_conditions(call.service<jetpack::Config>().path("run/conditions.json"));
  if (call.flag("json")) {
    call.print(list_as_json(all));
  } else if (call.flag("names")) {
    for (const auto& entry : all) call.print(support::one_line(entry.first) + '\n');
  } else if (all.empty()) {
    call.report("No conditions are set.\n");
  } else {
    call.print(list_as_text(all));
  }
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.condition", "1.0.0", jetpack::needs<jetpack::Session, jetpack::Config>(),
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
