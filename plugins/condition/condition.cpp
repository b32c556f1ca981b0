// `jetpack condition set|list|clear`: reports problems of this node to the cluster.
#include <array>
#include <map>

#include <jetpack/plugin.hpp>
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Errc;
using jetpack::Error;
using rapidjson::Value;
using support::Object;

constexpr size_t max_name = 128;
constexpr size_t max_text = 64 << 10;
constexpr size_t max_message = 1 << 20;  // the limit of the session
constexpr size_t max_conditions = 1000;
constexpr uint64_t max_state = 64 << 20;
constexpr unsigned state_mode = 0660;

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

// The texts of a condition, by member, and `since`.
using Condition = std::map<std::string, std::string>;
using Conditions = std::map<std::string, Condition>;

void add_texts(support::Object& to, const Condition& condition) {
  for (const auto& [member, text] : condition) to.text(member, text);
}

// That the cluster hears of a condition matters more than that this node remembers it.
void report_unrecorded(const Call& call, const Error& why) {
  call.report("jetpack " + std::string(call.command()) +
              ": not recorded on this node: " + why.what() + '\n');
}

// run/conditions.json: the conditions set on this node. A lock serializes changes.
class State {
 public:
  explicit State(const Call& call)
      : call_(call),
        path_(call.service<jetpack::Config>().path("run/conditions.json")),
        lock_(support::FileLock::wait(call.service<jetpack::Config>().path("run/.conditions.lock"),
                                      state_mode)) {
    load();
  }

  static Conditions read(const std::string& path) {
    Conditions conditions;
    const auto text = support::read_file(path, max_state, support::Sharing::shared);
    if (!text) return conditions;
    const auto document = support::parse_json(*text, path);
    if (!document.IsObject()) throw Error(Errc::corrupt, path + " is not a JSON object");
    for (const auto& [name, members] : document.GetObject()) {
      if (!members.IsObject()) throw Error(Errc::corrupt, path + " contains an invalid entry");
      Condition& condition = conditions[std::string(support::text_of(name))];
      for (const auto& [key, value] : members.GetObject())
        if (support::is_string(value)) condition[key.GetString()] = support::text_of(value);
    }
    return conditions;
  }

  const Conditions& all() const { return all_; }

  void set(const std::string& name, Condition condition) {
    const auto known = all_.find(name);
    const bool is_new = known == all_.end();
    if (is_new && all_.size() >= max_conditions)
      throw Error(Errc::failed, "cannot set condition '" + name + "': the limit is " +
                                    std::to_string(max_conditions) +
                                    " conditions; clear some with 'jetpack condition clear'");
    const bool same_status = !is_new && known->second["status"] == condition["status"];
    condition["since"] =
        same_status ? known->second["since"] : support::iso_8601(std::chrono::system_clock::now());
    all_[name] = std::move(condition);
    save();
  }

  void remove(const std::string& name) {
    if (all_.erase(name) > 0) save();
  }

 private:
  void load() {
    try {
      all_ = read(path_);
    } catch (const Error& e) {
      if (e.code() != Errc::corrupt) throw;
      call_.report("jetpack condition: " + std::string(e.what()) + "; moved to " +
                   support::move_aside(path_) + "; starting with an empty list\n");
    }
  }

  void save() const {
    const std::string json = support::json_object([&](Object& conditions) {
      for (const auto& entry : all_)
        conditions.object(entry.first, [&](Object& texts) { add_texts(texts, entry.second); });
    });
    try {
      support::write_durably(path_, json, state_mode);
    } catch (const Error& e) {
      report_unrecorded(call_, e);
    }
  }

  const Call& call_;
  std::string path_;
  support::FileLock lock_;
  Conditions all_;
};

// nullopt when the conditions of this node cannot be used; says why.
std::optional<State> open_state(const Call& call) {
  try {
    return std::optional<State>(std::in_place, call);
  } catch (const Error& e) {
    report_unrecorded(call, e);
    return std::nullopt;
  }
}

std::string message_data(const std::string& name, const Condition& condition) {
  // Control characters take six bytes, so that texts within their limit may need more than a message
  // can have.
  for (size_t most = max_text;; most /= 2) {
    std::string json = support::json_object([&](Object& data) {
      data.text("name", name);
      for (const auto& [key, value] : condition)
        if (key != "since") data.text(key, support::cut(value, most));
    });
    if (json.size() <= max_message) return json;
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
    if (condition[member].size() <= max_text) continue;
    call.report("jetpack condition set: --" + std::string(option) + " has " +
                std::to_string(condition[member].size()) + " bytes, the limit is " +
                std::to_string(max_text) + ", the rest is cut\n");
    condition[member] = support::cut(condition[member], max_text);
  }
  return condition;
}

// Publishes while it holds the lock, so that the server receives changes in their order.
int set_condition(const Call& call) {
  const std::string name = checked_name(*call.text("name"));
  const Condition condition = condition_of(call);
  const std::string data = message_data(name, condition);
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
    sender.publish("condition", message_data(name, {{"status", "OK"}}),
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
  const auto all = State::read(call.service<jetpack::Config>().path("run/conditions.json"));
  if (call.flag("json")) {
    call.print(list_as_json(all));
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
                     jetpack::example("jetpack condition list --json | jq -r '.[].name'",
                                      "Print the names")),
    jetpack::command("condition clear", "Clear conditions of this node", clear_condition,
                     jetpack::argument("NAME", "Name of the condition").optional(),
                     jetpack::flag("all", 'a', "Clear all conditions"), jetpack::wait_option(),
                     jetpack::flag("json", "Print JSON"),
                     jetpack::example("jetpack condition clear gpu",
                                      "Clear the condition gpu, like setting its status to OK")));
