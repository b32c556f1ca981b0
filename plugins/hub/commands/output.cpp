// Prints lists and results, for people or as JSON.
#include "commands/output.hpp"

#include <algorithm>
#include <cstddef>

#include <jetpack/error.hpp>
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace json = rapidjson;

namespace {

// The width of a text on a terminal, approximately: its code points.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

void print_columns(const Call& call, const json::Value& list, const std::vector<Column>& columns,
                   std::string_view when_empty) {
  if (list.Empty()) return call.report(std::string(when_empty) + "\n");
  const support::ShownTimes shown(call);
  std::vector<std::vector<std::string>> rows(1);
  for (const auto& column : columns) rows[0].emplace_back(column.heading);
  for (const auto& element : list.GetArray()) {
    auto& row = rows.emplace_back();
    for (const auto& column : columns) {
      row.push_back(cell(element, column, shown));
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

}  // namespace

std::string cell(const json::Value& object, const Column& column,
                 const support::ShownTimes& shown) {
  const std::string text = shown_member(object, column.member);
  return support::one_line(column.is_time ? shown(text) : text);
}

std::string shown_member(const json::Value& object, const char* name) {
  const auto* member = object.IsObject() ? support::find_member(object, name) : nullptr;
  if (member == nullptr) return {};
  if (support::is_string(*member)) return std::string(support::text_of(*member));
  if (member->IsInt64() || member->IsObject()) return support::to_json(*member);
  if (member->IsBool()) return member->IsTrue() ? "yes" : "no";
  return {};
}

void print_json(const Call& call, const json::Value& value) {
  call.print(support::to_pretty_json(value) + '\n');
}

void show_list(const Call& call, const json::Value& list, const std::vector<Column>& columns,
               std::string_view when_empty) {
  if (call.flag("json")) return print_json(call, list);
  if (call.declares("names") && call.flag("names")) {
    for (const auto& element : list.GetArray())
      call.print(support::one_line(shown_member(element, "name")) + '\n');
    return;
  }
  print_columns(call, list, columns, when_empty);
}

int print_result(const Call& call, const Result& result) {
  call.print(call.flag("json")
                 ? support::shown_json(support::json_object([&](support::Object& object) {
                     object.text("action", result.action).text(result.what, result.name);
                   }))
                 : result.text + '\n');
  return 0;
}

const json::Value& member(const json::Document& answer, const char* name) {
  const auto* found = support::find_member(answer, name);
  if (found == nullptr)
    throw Error(Errc::corrupt, std::string("the hub's response has no '") + name + "'");
  return *found;
}

const json::Value& list_in(const json::Document& answer, const char* name) {
  const auto& list = member(answer, name);
  if (!list.IsArray())
    throw Error(Errc::corrupt, std::string("'") + name + "' in the hub's response is not a list");
  return list;
}

void fail_not_found(const char* what, std::string_view name, const std::string& cluster) {
  throw Error(Errc::not_found, std::string(what) + " '" + support::one_line(name) +
                                   "' not found in cluster '" + cluster + "'");
}

}  // namespace jetpack::hub
