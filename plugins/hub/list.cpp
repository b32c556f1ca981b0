// list.cpp: see list.hpp. They ask the hub that the home names, as the node they run on.
#include "list.hpp"

#include "json.hpp"
#include "text.hpp"

#include <rapidjson/prettywriter.h>
#include <jetpack/session.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hub {

namespace json = rapidjson;
using jetpack::Errc;
using jetpack::Error;

namespace {

constexpr int64_t nodes_at_once = 1000;
constexpr int64_t page_limit = 10'000;  // the most that the hub gives at once

// A column of the table: its heading and the member it shows.
struct Column {
  const char* heading;
  const char* member;
};

std::string text_member(const json::Value& object, const char* name) {
  const auto* member = object.IsObject() ? find_member(object, name) : nullptr;
  if (member == nullptr) return {};
  if (member->IsString()) return std::string(text_of(*member));
  if (member->IsInt64() || member->IsObject()) return to_json(*member);
  return {};
}

// One GET, as a JSON object.
json::Document fetch(const jetpack::Session& session, const std::string& path) {
  const jetpack::Reply reply = session.request({.method = "GET", .path = path});
  json::Document answer = parse_json(reply.body);
  if (reply.status != 200) {
    const std::string reason = one_line(text_member(answer, "error"));
    throw Error(reply.status == 401 || reply.status == 403 ? Errc::denied : Errc::failed,
                "cannot read " + path + " from the hub at " +
                    session.identity("url").value_or("an unknown address") + ": HTTP status " +
                    std::to_string(reply.status) + (reason.empty() ? "" : ", " + reason));
  }
  if (answer.HasParseError() || !answer.IsObject())
    throw Error(Errc::corrupt, "cannot read " + path +
                                   ": the server did not answer with JSON; is it a jetpack hub?");
  return answer;
}

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

// The last `limit` elements, oldest first, fetched backwards in as many parts as it takes.
json::Document fetch_last(const jetpack::Session& session, const std::string& address,
                          const char* name, const char* key, int64_t limit) {
  json::Document all;
  all.SetArray();
  std::string before;
  while (static_cast<int64_t>(all.Size()) < limit) {
    const int64_t want = std::min(page_limit, limit - static_cast<int64_t>(all.Size()));
    std::string path = address;
    path.append("limit=").append(std::to_string(want)).append(before);
    const json::Document answer = fetch(session, path);
    const size_t count = take(all, answer, name);
    const auto* more = find_member(answer, "more");
    if (count == 0 || more == nullptr || !more->IsTrue()) break;
    before = "&before=" + text_member(all[0], key);
  }
  return all;
}

// Appends the list `name` of `answer` to the end of `all`.
void append(json::Document& all, const json::Document& answer, const char* name) {
  const auto* list = find_member(answer, name);
  if (list == nullptr || !list->IsArray())
    throw Error(Errc::corrupt, std::string("the hub's answer has no list '") + name + "'");
  for (const auto& element : list->GetArray())
    all.PushBack(json::Value(element, all.GetAllocator()), all.GetAllocator());
}

void print_json(const jetpack::Call& call, const json::Value& list) {
  json::StringBuffer out;
  json::PrettyWriter<json::StringBuffer> writer(out);
  writer.SetIndent(' ', 2);
  list.Accept(writer);
  call.print(std::string_view(out.GetString(), out.GetSize()));
  call.print("\n");
}

// How many cells of a terminal a text takes, near enough: its code points.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

void print_table(const jetpack::Call& call, const json::Value& list,
                 const std::vector<Column>& columns, const char* when_empty) {
  if (list.Empty()) return call.report(std::string(when_empty) + "\n");
  std::vector<std::vector<std::string>> rows(1);
  for (const auto& column : columns) rows[0].emplace_back(column.heading);
  for (const auto& element : list.GetArray()) {
    auto& row = rows.emplace_back();
    for (const auto& column : columns) {
      row.push_back(one_line(text_member(element, column.member)));
      if (row.back().empty()) row.back() = "-";
    }
  }
  std::vector<size_t> widths(columns.size());
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    text += '\n';
  }
  call.print(text);
}

void show(const jetpack::Call& call, const json::Value& list, const std::vector<Column>& columns,
          const char* when_empty) {
  if (call.flag("json")) return print_json(call, list);
  print_table(call, list, columns, when_empty);
}

}  // namespace

int list_events(const jetpack::Call& call) {
  const auto session = call.service<jetpack::Session>();
  const std::string address =
      std::string("/api/events?priority=") + (call.flag("all") ? "all" : "medium") + "&";
  const auto events = fetch_last(session, address, "events", "id", *call.integer("limit"));
  show(call, events,
       {{"RECEIVED", "received"},
        {"NODE", "node"},
        {"LEVEL", "level"},
        {"PRIORITY", "priority"},
        {"MESSAGE", "message"}},
       call.flag("all") ? "No events yet."
                        : "No events yet; --all shows those of low priority too.");
  return 0;
}

int list_nodes(const jetpack::Call& call) {
  const auto session = call.service<jetpack::Session>();
  const auto cluster = session.identity("cluster").value_or("");
  json::Document nodes;
  nodes.SetArray();
  std::string after;
  while (true) {
    const json::Document answer =
        fetch(session, "/api/nodes?properties=yes&cluster=" + cluster +
                           "&limit=" + std::to_string(nodes_at_once) + after);
    append(nodes, answer, "nodes");
    const auto* more = find_member(answer, "more");
    if (more == nullptr || !more->IsTrue()) break;
    after = "&after_name=" + text_member(nodes[nodes.Size() - 1], "name");
  }
  show(call, nodes,
       {{"NODE", "name"},
        {"PHASE", "phase"},
        {"NODE ARRAY", "nodearray"},
        {"HOSTNAME", "hostname"},
        {"ADDRESS", "address"},
        {"LAST CONTACT", "last_contact"}},
       "No nodes yet.");
  return 0;
}

int list_messages(const jetpack::Call& call) {
  const auto session = call.service<jetpack::Session>();
  std::string address = "/api/messages?";
  if (const auto type = call.text("type")) {
    if (!is_name(*type)) throw Error(Errc::usage, "--type must be letters, digits, '.', '_', '-'");
    address += "type=" + std::string(*type) + "&";
  }
  const auto messages = fetch_last(session, address, "messages", "number", *call.integer("limit"));
  show(call, messages,
       {{"RECEIVED", "received"}, {"NODE", "node"}, {"TYPE", "type"}, {"DATA", "data"}},
       "No messages yet.");
  return 0;
}

}  // namespace hub
