// Prints a list as columns or as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <jetpack/call.hpp>
#include "common/json.hpp"

namespace jetpack::hub {

// A column: its heading and the member it shows.
struct Column {
  const char* heading;
  const char* member;
};

// The array `list` as --json wants it, else as a table; `when_empty` goes to standard error.
void show_list(const Call& call, const rapidjson::Value& list, const std::vector<Column>& columns,
               std::string_view when_empty);

// Indented JSON, on standard output.
void print_json(const Call& call, const rapidjson::Value& value);

// A member as text for people; "" when there is none.
std::string shown_member(const rapidjson::Value& object, const char* name);

}  // namespace jetpack::hub
