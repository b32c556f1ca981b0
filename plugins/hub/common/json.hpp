// JSON objects from peers, files and the database.
#pragma once

#include <optional>
#include <string_view>

#include <jetpack/error.hpp>
#include "support/json.hpp"

namespace jetpack::hub {

// nullopt for anything but a JSON object. What is stored goes on to other readers.
inline std::optional<rapidjson::Document> parse_object(std::string_view text) {
  try {
    auto document = support::parse_json(text, "JSON", support::JsonRules::relayed);
    if (document.IsObject()) return document;
  } catch (const Error&) {
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace jetpack::hub
