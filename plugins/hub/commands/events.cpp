// The commands `hub event list` and `hub message list`.

#include <algorithm>
#include <cstdint>
#include <string>

#include "commands/commands.hpp"
#include "commands/hub_client.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"

namespace jetpack::hub {

namespace json = rapidjson;

namespace {

constexpr int64_t page_limit = 10'000;  // the most that the hub returns at once

// Prepends `list` to `all`.
void prepend(json::Document& all, const json::Value& list) {
  auto& pool = all.GetAllocator();
  json::Value joined(json::kArrayType);
  joined.Reserve(list.Size() + all.Size(), pool);
  for (const auto& element : list.GetArray()) joined.PushBack(json::Value(element, pool), pool);
  for (auto& element : all.GetArray()) joined.PushBack(element, pool);
  static_cast<json::Value&>(all) = joined;
}

// The last `limit` elements, oldest first, fetched backwards in as many requests as it takes.
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
    const auto& list = list_in(answer, name);
    prepend(all, list);
    if (list.Empty() || !member(answer, "more").IsTrue()) break;
    before = shown_member(all[0], key);
  }
  return all;
}

}  // namespace

int event_list(const Call& call) {
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

int message_list(const Call& call) {
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
