// Prints lists and results, for people or as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

#include <jetpack/call.hpp>
#include "support/shown_time.hpp"

namespace jetpack::hub {

// A column: its heading and the member it shows, and whether that is a time.
struct Column {
  const char* heading;
  const char* member;
  bool is_time = false;
};

// A column's cell for people, as --time asks where it is a time.
std::string cell(const rapidjson::Value& object, const Column& column,
                 const support::ShownTimes& shown);

// The array `list`: as JSON with --json, the members "name" with --names where the command takes it,
// else in columns; `when_empty` goes to standard error.
void show_list(const Call& call, const rapidjson::Value& list, const std::vector<Column>& columns,
               std::string_view when_empty);

// Indented JSON, on standard output.
void print_json(const Call& call, const rapidjson::Value& value);

// A member as text for people; "" when there is none.
std::string shown_member(const rapidjson::Value& object, const char* name);

// What a command did, as its exit code 0: {"action": `action`, `what`: `name`} with --json, else
// `text`.
struct Result {
  const char* action;
  const char* what;
  std::string name;
  std::string text;
};
int print_result(const Call& call, const Result& result);

// A member that every answer of the hub has. Throws Errc::corrupt when this one has not.
const rapidjson::Value& member(const rapidjson::Document& answer, const char* name);

// The same, of an array.
const rapidjson::Value& list_in(const rapidjson::Document& answer, const char* name);

// Reports that the cluster has no such node, user or node array.
[[noreturn]] void fail_not_found(const char* what, std::string_view name,
                                 const std::string& cluster);

}  // namespace jetpack::hub
