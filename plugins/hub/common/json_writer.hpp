// Writes JSON objects and lists so that the code reads like its output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "common/text.hpp"

namespace jetpack::hub {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

// An object, from construction to destruction.
class Object {
 public:
  explicit Object(JsonWriter& writer) : writer_(writer) { writer_.StartObject(); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() { writer_.EndObject(); }

  Object& text(std::string_view name, std::string_view value) {
    key(name);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    return *this;
  }
  Object& number(std::string_view name, int64_t value) {
    key(name);
    writer_.Int64(value);
    return *this;
  }
  // Null when there is none.
  Object& number(std::string_view name, std::optional<int64_t> value) {
    if (value) return number(name, *value);
    return null(name);
  }
  Object& boolean(std::string_view name, bool value) {
    key(name);
    writer_.Bool(value);
    return *this;
  }
  Object& null(std::string_view name) {
    key(name);
    writer_.Null();
    return *this;
  }
  // Null when it never was.
  Object& time(std::string_view name, int64_t unix_ms) {
    return unix_ms != 0 ? text(name, iso_time(unix_ms)) : null(name);
  }
  // JSON text as it is.
  Object& json(std::string_view name, std::string_view value) {
    key(name);
    writer_.RawValue(value.data(), value.size(), rapidjson::kObjectType);
    return *this;
  }
  // A list, of which `write(writer, element)` writes one element.
  template <class List, class Write>
  Object& list(std::string_view name, const List& elements, Write write) {
    key(name);
    writer_.StartArray();
    for (const auto& element : elements) write(writer_, element);
    writer_.EndArray();
    return *this;
  }
  // An object in the object, made by `fill(Object&)`.
  template <class Fill>
  Object& object(std::string_view name, Fill fill) {
    key(name);
    Object inner(writer_);
    fill(inner);
    return *this;
  }

 private:
  void key(std::string_view name) {
    writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  }

  JsonWriter& writer_;
};

// The text of the object that `fill(Object&)` makes.
template <class Fill>
std::string json_object(Fill fill) {
  rapidjson::StringBuffer out;
  JsonWriter writer(out);
  {
    Object object(writer);
    fill(object);
  }
  return {out.GetString(), out.GetSize()};
}

}  // namespace jetpack::hub
