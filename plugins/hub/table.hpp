// table.hpp: how the commands show a list: as a table, or as JSON.
#pragma once

#include "json.hpp"

#include <jetpack/call.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace hub {

// A column: its heading and the member it shows.
struct Column {
  const char* heading;
  const char* member;
};

// The array `list` as --json wants it, else as a table; `when_empty` goes to standard error.
void show_list(const jetpack::Call& call, const rapidjson::Value& list,
               const std::vector<Column>& columns, std::string_view when_empty);

// Indented JSON, on standard output.
void print_json(const jetpack::Call& call, const rapidjson::Value& value);

// A member as text for people; "" when there is none.
std::string shown_member(const rapidjson::Value& object, const char* name);

}  // namespace hub
