// The commands `hub node ...`.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/commands.hpp"
#include "commands/hub_client.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "common/passwords.hpp"
#include "common/text.hpp"
#include "store/contact_table.hpp"
#include "store/node_table.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/random.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace json = rapidjson;

namespace {

constexpr int64_t nodes_at_once = 1000;

void append_nodes(json::Document& all, const HubClient& client, const std::string& cluster) {
  std::string after;
  while (true) {
    const auto answer = client.get("/api/nodes", {{"properties", "yes"},
                                                  {"cluster", cluster},
                                                  {"limit", std::to_string(nodes_at_once)},
                                                  {"after_name", after}});
    for (const auto& node : list_in(answer, "nodes").GetArray())
      all.PushBack(json::Value(node, all.GetAllocator()), all.GetAllocator());
    if (!member(answer, "more").IsTrue()) return;
    after = shown_member(all[all.Size() - 1], "name");
  }
}

bool has_bad_condition(const json::Value& node, std::string_view name) {
  const auto* list = support::find_member(node, "conditions");
  const auto is_it = [&](const json::Value& condition) {
    return shown_member(condition, "name") == name && shown_member(condition, "status") != "OK";
  };
  return list != nullptr && list->IsArray() && std::any_of(list->Begin(), list->End(), is_it);
}

// --phase means what the table shows; so nodes that fell silent are not Ready.
bool is_in_phase(const json::Value& node, std::string_view phase) {
  return support::lower_case(shown_member(node, "state")) == support::lower_case(phase);
}

// Keeps the nodes that --phase, --silent and --condition select, in the order of --sort.
void select_nodes(const Call& call, json::Document& nodes) {
  std::vector<json::Value*> kept;
  for (auto& node : nodes.GetArray()) {
    const auto phase = call.text("phase");
    const auto condition = call.text("condition");
    if (phase && !is_in_phase(node, *phase)) continue;
    if (call.flag("silent") && !is_in_phase(node, state::silent)) continue;
    if (!condition || has_bad_condition(node, *condition)) kept.push_back(&node);
  }
  const std::string key = text_option(call, "sort");
  const char* const by = key == "phase" ? "state" : key == "contact" ? "last_contact" : nullptr;
  if (by != nullptr)
    std::stable_sort(kept.begin(), kept.end(), [&](const auto* a, const auto* b) {
      return shown_member(*a, by) < shown_member(*b, by);
    });
  json::Value selected(json::kArrayType);
  for (auto* node : kept) selected.PushBack(*node, nodes.GetAllocator());
  static_cast<json::Value&>(nodes) = selected;
}

// Adds to each node, for a table: "gpu Error, disk Warning".
constexpr const char* condition_text = "condition_text";
void add_condition_texts(json::Document& nodes) {
  auto& pool = nodes.GetAllocator();
  for (auto& node : nodes.GetArray()) {
    std::string text;
    if (const auto* list = support::find_member(node, "conditions"))
      for (const auto& condition : list->GetArray())
        if (const std::string status = shown_member(condition, "status"); status != "OK")
          text += (text.empty() ? "" : ", ") + shown_member(condition, "name") + ' ' + status;
    node.AddMember(json::StringRef(condition_text), json::Value(text.c_str(), pool), pool);
  }
}

// The clusters whose nodes to list: the given one, or the node's own, or all.
std::vector<std::string> clusters_of(const Call& call, const HubClient& client) {
  if (call.given("cluster")) return {name_option(call, "cluster")};
  if (!client.own_cluster().empty()) return {client.own_cluster()};
  std::vector<std::string> names;
  const auto answer = client.get("/api/clusters", {});
  for (const auto& cluster : list_in(answer, "clusters").GetArray())
    names.push_back(shown_member(cluster, "name"));
  return names;
}

// `until`: of a keep-alive, else "".
int act_on_nodes(const Call& call, const std::string& action, const std::string& until = {}) {
  const std::string cluster = cluster_option(call);
  const auto names = call.texts("NAME");
  const std::string body = support::json_object([&](support::Object& object) {
    if (!until.empty()) object.text("until", until);
    if (const auto reason = call.text("reason")) object.text("reason", *reason);
    object.list("names", names, [](support::JsonWriter& writer, std::string_view name) {
      writer.String(name.data(), static_cast<json::SizeType>(name.size()));
    });
  });
  const auto answer =
      HubClient::administrator(call).post("/clusters/" + cluster + "/nodes/" + action, body);
  const auto& nodes = list_in(answer, "nodes");
  show_list(call, nodes, {{"NODE", "name"}, {"STATUS", "status"}, {"ERROR", "error"}}, "");
  for (const auto& node : nodes.GetArray())
    if (shown_member(node, "status") != "OK") return 1;
  return 0;
}

// The names of the nodes to add: those given, or one with numbers appended.
std::vector<std::string> names_to_add(const Call& call) {
  const auto given = call.texts("NAME");
  std::vector<std::string> names(given.begin(), given.end());
  if (const auto count = call.integer("count")) {
    if (names.size() != 1) throw Error(Errc::usage, "--count needs exactly one name");
    const std::string prefix = names.front();
    names.clear();
    for (int64_t n = 1; n <= *count; ++n) names.push_back(prefix + std::to_string(n));
  }
  for (const auto& name : names)
    if (!is_name(name))
      throw Error(Errc::usage, "'" + support::one_line(name) + "' is not a valid node name");
  return names;
}

struct AddedNode {
  std::string name, account, password, instance_id;
};

void write_added(support::JsonWriter& writer, const AddedNode& node) {
  support::Object(writer)
      .text("node", node.name)
      .text("username", node.account)
      .text("password", node.password)
      .text("instance_id", node.instance_id);
}

}  // namespace

int node_list(const Call& call) {
  const HubClient client = HubClient::either(call);
  json::Document nodes;
  nodes.SetArray();
  for (const auto& cluster : clusters_of(call, client)) append_nodes(nodes, client, cluster);
  select_nodes(call, nodes);
  if (!call.flag("json")) add_condition_texts(nodes);
  show_list(call, nodes,
            {{"CLUSTER", "cluster"},
             {"NODE", "name"},
             {"PHASE", "state"},
             {"CONDITIONS", condition_text},
             {"NODE ARRAY", "nodearray"},
             {"HOSTNAME", "hostname"},
             {"ADDRESS", "address"},
             {"VERSION", "version"},
             {"LAST CONTACT", "last_contact", true}},
            "No nodes yet.");
  return 0;
}

int node_show(const Call& call) {
  const auto answer = HubClient::either(call).get(
      "/api/node", {{"cluster", cluster_option(call)}, {"node", text_option(call, "NAME")}});
  print_json(call, member(answer, "node"));
  return 0;
}

int node_add(const Call& call) {
  const std::string cluster = cluster_option(call);
  std::vector<AddedNode> nodes;
  for (const auto& name : names_to_add(call)) {
    std::string account = cluster;
    account.append("/").append(name);
    nodes.push_back({name, std::move(account), random_password(), support::random_uuid()});
  }
  Database database(known_database(call));
  database.write("adding nodes", [&](Transaction& transaction) {
    for (const auto& node : nodes) {
      if (!enroll_node(
              transaction,
              {0, node.account, Role::node, cluster, node.name, hash_password(node.password)},
              node.instance_id))
        throw Error(Errc::usage, "node '" + node.name + "' already exists in cluster '" + cluster +
                                     "'; use 'jetpack hub enroll' to give it a new password");
      if (call.flag("scheduler"))
        set_node_scheduler(transaction.session(), cluster, node.name, true);
    }
  });
  const auto document = support::parse_json(support::json_object([&](support::Object& object) {
                                              object.list("nodes", nodes, write_added);
                                            }),
                                            "a list");
  show_list(call, member(document, "nodes"),
            {{"NODE", "node"},
             {"ACCOUNT", "username"},
             {"PASSWORD", "password"},
             {"INSTANCE", "instance_id"}},
            "");
  return 0;
}

int node_configure(const Call& call) {
  const std::string cluster = cluster_option(call), name = text_option(call, "NAME");
  const bool marks = call.given("scheduler");
  if (!marks && !call.given("file"))
    throw Error(Errc::usage, "nothing to configure; use --file or --scheduler");
  const std::string configuration = call.given("file") ? object_in_file(call) : "";
  Database database(known_database(call));
  database.write("configuring a node", [&](Transaction& transaction) {
    SqlSession& session = transaction.session();
    if (!find_node(session, cluster, name)) fail_not_found("node", name, cluster);
    if (!configuration.empty()) set_node_configuration(session, cluster, name, configuration);
    if (marks) set_node_scheduler(session, cluster, name, call.flag("scheduler"));
  });
  return print_result(call, {"configure", "node", name, "Configured node " + name});
}

int node_remove(const Call& call) {
  const std::string cluster = cluster_option(call);
  const auto names = call.texts("NAME");
  Database database(known_database(call));
  database.write("removing nodes", [&](Transaction& transaction) {
    for (const auto name : names)
      if (!remove_node(transaction, cluster, name)) fail_not_found("node", name, cluster);
  });
  std::string removed;
  for (const auto name : names) removed.append(removed.empty() ? "" : ", ").append(name);
  return print_result(call,
                      {"remove", "node", removed,
                       names.size() == 1 ? "Removed node " + removed + " and its account"
                                         : "Removed nodes " + removed + " and their accounts"});
}

int node_terminate(const Call& call) { return act_on_nodes(call, "terminate"); }
int node_deallocate(const Call& call) { return act_on_nodes(call, "deallocate"); }
int node_shutdown(const Call& call) { return act_on_nodes(call, "shutdown"); }
int node_start(const Call& call) { return act_on_nodes(call, "start"); }
int node_restart(const Call& call) { return act_on_nodes(call, "restart"); }

int node_keepalive(const Call& call) {
  if (call.flag("cancel") && call.given("for"))
    throw Error(Errc::usage, "--cancel and --for exclude each other");
  const auto span = call.duration("for");
  return act_on_nodes(call, "keepalive",
                      call.flag("cancel") ? "none"
                      : span ? support::iso_8601(support::from_unix_ms(now_ms() + span->count()))
                             : "forever");
}

int node_reimage(const Call& call) { return act_on_nodes(call, "reimage"); }

}  // namespace jetpack::hub
