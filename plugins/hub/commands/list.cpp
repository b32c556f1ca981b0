// The commands that list events, messages and nodes.
#include "commands/list.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "commands/columns.hpp"
#include "commands/hub_client.hpp"
#include "common/json.hpp"
#include "common/text.hpp"

namespace jetpack::hub {

namespace json = rapidjson;

namespace {

constexpr int64_t page_limit = 10'000;  // the most that the hub gives at once
constexpr int64_t nodes_at_once = 1000;

// Appends the list `name` of `answer` to the front of `all`; how many there were.
size_t take(json::Document& all, const json::Document& answer, const char* name) {
  const auto* list = find_member(answer, name);
  if (list == nullptr || !list->IsArray())
    throw Error(Errc::corrupt, std::string("the hub's answer has no list '") + name + "'");
  auto& pool = all.GetAllocator();
  json::Value joined(json::kArrayType);
  joined.Reserve(list->Size() + all.Size(), pool);
  for (const auto& element : list->GetArray()) joined.PushBack(json::Value(element, pool), pool);
  for (auto& element : all.GetArray()) joined.PushBack(element, pool);
  const size_t count = list->Size();
  static_cast<json::Value&>(all) = joined;
  return count;
}

// Appends the list `name` of `answer` to the end of `all`.
void append(json::Document& all, const json::Document& answer, const char* name) {
  const auto* list = find_member(answer, name);
  if (list == nullptr || !list->IsArray())
    throw Error(Errc::corrupt, std::string("the hub's answer has no list '") + name + "'");
  for (const auto& element : list->GetArray())
    all.PushBack(json::Value(element, all.GetAllocator()), all.GetAllocator());
}

// The last `limit` elements, oldest first, fetched backwards in as many parts as it takes.
json::Document fetch_last(const HubClient& client, const std::string& path, const Parameters& query,
                          const char* name, const char* key, int64_t limit) {
  json::Document all;
  all.SetArray();
  std::string before;
  while (static_cast<int64_t>(all.Size()) < limit) {
    Parameters wanted = query;
    wanted.emplace_back(
        "limit", std::to_string(std::min(page_limit, limit - static_cast<int64_t>(all.Size()))));
    wanted.emplace_back("before", before);
    const json::Document answer = client.get(path, wanted);
    const size_t count = take(all, answer, name);
    const auto* more = find_member(answer, "more");
    if (count == 0 || more == nullptr || !more->IsTrue()) break;
    before = shown_member(all[0], key);
  }
  return all;
}

std::string text_option(const Call& call, const char* name) {
  return std::string(call.text(name).value_or(""));
}

json::Document fetch_nodes(const HubClient& client, const std::string& cluster) {
  json::Document nodes;
  nodes.SetArray();
  std::string after;
  while (true) {
    const auto answer = client.get("/api/nodes", {{"properties", "yes"},
                                                  {"cluster", cluster},
                                                  {"limit", std::to_string(nodes_at_once)},
                                                  {"after_name", after}});
    append(nodes, answer, "nodes");
    const auto* more = find_member(answer, "more");
    if (more == nullptr || !more->IsTrue()) return nodes;
    after = shown_member(nodes[nodes.Size() - 1], "name");
  }
}

// The clusters whose nodes are wanted: the one that is named, or the node's own, or all.
std::vector<std::string> clusters_of(const Call& call, const HubClient& client) {
  if (call.given("cluster")) return {text_option(call, "cluster")};
  if (!client.own_cluster().empty()) return {client.own_cluster()};
  std::vector<std::string> names;
  const auto answer = client.get("/api/clusters", {});
  const auto* clusters = find_member(answer, "clusters");
  if (clusters == nullptr || !clusters->IsArray()) return names;
  for (const auto& cluster : clusters->GetArray()) names.push_back(shown_member(cluster, "name"));
  return names;
}

}  // namespace

int list_events(const Call& call) {
  const HubClient client = HubClient::either(call);
  const auto events = fetch_last(client, "/api/events",
                                 {{"priority", call.flag("all") ? "all" : "medium"},
                                  {"cluster", text_option(call, "cluster")},
                                  {"node", text_option(call, "node")}},
                                 "events", "id", *call.integer("limit"));
  show_list(call, events,
            {{"RECEIVED", "received"},
             {"NODE", "node"},
             {"LEVEL", "level"},
             {"PRIORITY", "priority"},
             {"MESSAGE", "message"}},
            call.flag("all") ? "No events yet."
                             : "No events yet; --all shows those of low priority too.");
  return 0;
}

int list_nodes(const Call& call) {
  const HubClient client = HubClient::either(call);
  json::Document nodes;
  nodes.SetArray();
  for (const auto& cluster : clusters_of(call, client)) {
    const json::Document part = fetch_nodes(client, cluster);
    for (const auto& node : part.GetArray())
      nodes.PushBack(json::Value(node, nodes.GetAllocator()), nodes.GetAllocator());
  }
  show_list(call, nodes,
            {{"CLUSTER", "cluster"},
             {"NODE", "name"},
             {"PHASE", "phase"},
             {"NODE ARRAY", "nodearray"},
             {"HOSTNAME", "hostname"},
             {"ADDRESS", "address"},
             {"LAST CONTACT", "last_contact"}},
            "No nodes yet.");
  return 0;
}

int list_messages(const Call& call) {
  const HubClient client = HubClient::either(call);
  const auto messages =
      fetch_last(client, "/api/messages",
                 {{"type", text_option(call, "type")}, {"cluster", text_option(call, "cluster")}},
                 "messages", "number", *call.integer("limit"));
  show_list(call, messages,
            {{"RECEIVED", "received"}, {"NODE", "node"}, {"TYPE", "type"}, {"DATA", "data"}},
            "No messages yet.");
  return 0;
}

}  // namespace jetpack::hub
