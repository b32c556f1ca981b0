// The instance document of a node: what Azure's metadata service tells a machine of itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "store/node_table.hpp"

namespace jetpack::hub {

// Of the version 2021-02-01.
rapidjson::Document instance_document(const Node& node);

// The part of a document that a path ("/compute/tagsList/0/name") leads to; nullptr for none.
const rapidjson::Value* part_of(const rapidjson::Value& document, std::string_view path);

// What format=text prints: a value, or the names of the members, a line each.
std::string part_as_text(const rapidjson::Value& part);

}  // namespace jetpack::hub
