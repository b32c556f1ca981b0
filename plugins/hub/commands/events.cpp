// The commands `hub event list` and `hub message list`.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "commands/commands.hpp"
#include "commands/hub_client.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "common/text.hpp"
#include "support/json.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace json = rapidjson;

namespace {

constexpr int64_t page_limit = 10'000;  // the most that the hub returns at once

// Prepends the wanted elements of `list` to `all`.
template <class Wanted>
void prepend(json::Document& all, const json::Value& list, Wanted&& is_wanted) {
  auto& pool = all.GetAllocator();
  json::Value joined(json::kArrayType);
  joined.Reserve(list.Size() + all.Size(), pool);
  for (const auto& element : list.GetArray())
    if (is_wanted(element)) joined.PushBack(json::Value(element, pool), pool);
  for (auto& element : all.GetArray()) joined.PushBack(element, pool);
  static_cast<json::Value&>(all) = joined;
}

// The last `limit` elements that are wanted, oldest first, fetched backwards in as many requests as
// it takes. `is_too_old` ends the search.
template <class Wanted, class TooOld>
json::Document fetch_last(const HubClient& client, const std::string& path, const Parameters& query,
                          const char* name, const char* key, int64_t limit, Wanted&& is_wanted,
                          TooOld&& is_too_old) {
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
    const bool is_last = list.Empty() || !member(answer, "more").IsTrue() || is_too_old(list[0]);
    if (!is_last) before = shown_member(list[0], key);
    prepend(all, list, is_wanted);
    if (is_last) break;
  }
  return all;
}

// Which events a command shows.
class ListedEvents {
 public:
  explicit ListedEvents(const Call& call)
      : least_level_(rank(call.text("min-level").value_or("info"))) {
    if (const auto span = call.duration("since"))
      since_ = support::iso_8601(support::from_unix_ms(now_ms() - span->count()));
  }

  bool is_wanted(const json::Value& event) const {
    return rank(shown_member(event, "level")) >= least_level_ && !is_too_old(event);
  }
  // Times in one format sort as text.
  bool is_too_old(const json::Value& event) const {
    return shown_member(event, "received") < since_;
  }

 private:
  static size_t rank(std::string_view level) {
    return level == "error" ? 2 : level == "warn" ? 1 : 0;
  }

  size_t least_level_;
  std::string since_;
};

const std::vector<Column> event_columns{{"RECEIVED", "received", true},
                                        {"NODE", "node"},
                                        {"LEVEL", "level"},
                                        {"PRIORITY", "priority"},
                                        {"MESSAGE", "message"}};

// Prints events as they arrive, a line each, until a signal ends it.
[[noreturn]] void follow(const Call& call, const HubClient& client, Parameters query,
                         const ListedEvents& events, std::string last) {
  constexpr std::chrono::seconds interval{1};
  query.emplace_back("limit", std::to_string(page_limit));
  for (;;) {
    Parameters wanted = query;
    wanted.emplace_back("after", last);
    const json::Document answer = client.get("/api/events", wanted);
    for (const auto& event : list_in(answer, "events").GetArray()) {
      last = shown_member(event, "id");
      if (!events.is_wanted(event)) continue;
      if (call.flag("json")) {
        call.print(support::to_json(event) + '\n');
        continue;
      }
      const support::ShownTimes shown(call);
      std::string text;
      for (const auto& column : event_columns)
        text.append(text.empty() ? "" : "  ").append(cell(event, column, shown));
      call.print(text + '\n');
    }
    std::this_thread::sleep_for(interval);
  }
}

}  // namespace

int event_list(const Call& call) {
  const HubClient client = HubClient::either(call);
  const ListedEvents filter(call);
  const Parameters query{{"priority", call.flag("all") ? "all" : "medium"},
                         {"cluster", text_option(call, "cluster")},
                         {"node", text_option(call, "node")}};
  const auto is_wanted = [&](const json::Value& event) { return filter.is_wanted(event); };
  if (call.flag("follow")) {
    // From the newest of all on, whether or not it is shown.
    const auto newest = fetch_last(
        client, "/api/events", query, "events", "id", 1, [](const auto&) { return true; },
        [](const auto&) { return true; });
    follow(call, client, query, filter, newest.Empty() ? "0" : shown_member(newest[0], "id"));
  }
  const auto events =
      fetch_last(client, "/api/events", query, "events", "id", *call.integer("limit"), is_wanted,
                 [&](const json::Value& event) { return filter.is_too_old(event); });
  show_list(call, events, event_columns,
            call.given("min-level") || call.given("since") ? "No such events."
            : call.flag("all")                             ? "No events yet."
                               : "No events yet; --all shows those of low priority too.");
  return 0;
}

int message_list(const Call& call) {
  const HubClient client = HubClient::either(call);
  const auto messages = fetch_last(
      client, "/api/messages",
      {{"type", text_option(call, "type")}, {"cluster", text_option(call, "cluster")}}, "messages",
      "number", *call.integer("limit"), [](const auto&) { return true; },
      [](const auto&) { return false; });
  show_list(call, messages,
            {{"RECEIVED", "received", true}, {"NODE", "node"}, {"TYPE", "type"}, {"DATA", "data"}},
            "No messages yet.");
  return 0;
}

}  // namespace jetpack::hub
