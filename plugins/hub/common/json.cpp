// Parses untrusted JSON.
#include "common/json.hpp"

#include <algorithm>
#include <utility>

namespace jetpack::hub {

namespace json = rapidjson;

size_t json_depth(std::string_view json) {
  size_t depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

json::Document parse_json(std::string_view text) {
  json::Document document;
  // Text that nests too deep is cut, and so is an error.
  if (json_depth(text) > max_json_depth) text = {};
  document.Parse<json::kParseIterativeFlag | json::kParseValidateEncodingFlag>(text.data(),
                                                                               text.size());
  return document;
}

std::string to_json(const json::Value& value) {
  json::StringBuffer out;
  json::Writer<json::StringBuffer> writer(out);
  value.Accept(writer);
  return {out.GetString(), out.GetSize()};
}

const json::Value* find_member(const json::Value& object, std::string_view name) {
  for (const auto& member : object.GetObject())
    if (text_of(member.name) == name) return &member.value;
  return nullptr;
}

json::Value* find_member(json::Value& object, std::string_view name) {
  return const_cast<json::Value*>(find_member(std::as_const(object), name));
}

}  // namespace jetpack::hub
