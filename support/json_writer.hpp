// JSON objects and lists, written so that the code reads like what it creates.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "support/json.hpp"
#include "support/times.hpp"

namespace jetpack::support {

// Writes numbers that are kept as text (see is_number_text) as they came in: those of a value that
// accepts it, which is what calls String with three arguments. Text that is given is always text.
template <class Writer>
class NumberKeeping : public Writer {
 public:
  using Writer::String;
  using Writer::Writer;

  bool String(const char* text, rapidjson::SizeType size) { return Writer::String(text, size); }
  bool String(const char* text, rapidjson::SizeType size, bool copy) {
    if (!is_number_text({text, size})) return Writer::String(text, size, copy);
    return Writer::RawValue(text + 1, size - 1, rapidjson::kNumberType);
  }
};

using JsonWriter = NumberKeeping<rapidjson::Writer<rapidjson::StringBuffer>>;
using PrettyJsonWriter = NumberKeeping<rapidjson::PrettyWriter<rapidjson::StringBuffer>>;

// An object, from construction to destruction.
class Object {
 public:
  explicit Object(JsonWriter& writer) : writer_(writer) { writer_.StartObject(); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  // What is left half written by an exception is thrown away with it.
  ~Object() {
    if (std::uncaught_exceptions() == exceptions_) writer_.EndObject();
  }

  Object& text(std::string_view name, std::string_view value) {
    key(name);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    return *this;
  }
  template <std::integral Number>
  Object& number(std::string_view name, Number value) {
    key(name);
    if constexpr (std::unsigned_integral<Number>) {
      writer_.Uint64(value);
    } else {
      writer_.Int64(value);
    }
    return *this;
  }
  // Null for nullopt.
  Object& number(std::string_view name, std::optional<int64_t> value) {
    return value ? number(name, *value) : null(name);
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
  // ISO 8601; null for 0, which means never.
  Object& time(std::string_view name, int64_t unix_ms) {
    return unix_ms != 0 ? text(name, iso_8601(from_unix_ms(unix_ms))) : null(name);
  }
  // JSON text as it is.
  Object& json(std::string_view name, std::string_view value) {
    key(name);
    writer_.RawValue(value.data(), value.size(), rapidjson::kObjectType);
    return *this;
  }
  Object& texts(std::string_view name, const auto& values) {
    return list(name, values, [](JsonWriter& writer, std::string_view value) {
      writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    });
  }
  // An array, of which `write(writer, element)` writes one element.
  template <class List, class Write>
  Object& list(std::string_view name, const List& elements, Write write) {
    key(name);
    writer_.StartArray();
    for (const auto& element : elements) write(writer_, element);
    writer_.EndArray();
    return *this;
  }
  // An object in the object, filled by `fill(Object&)`.
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
  int exceptions_ = std::uncaught_exceptions();
};

// The JSON text that `write(JsonWriter&)` writes.
template <class Write>
std::string json_text(Write write) {
  rapidjson::StringBuffer out;
  JsonWriter writer(out);
  write(writer);
  return {out.GetString(), out.GetSize()};
}

// The text of the object that `fill(Object&)` fills.
template <class Fill>
std::string json_object(Fill fill) {
  return json_text([&](JsonWriter& writer) {
    Object object(writer);
    fill(object);
  });
}

// The text of the array whose elements `write(JsonWriter&, element)` writes.
template <class List, class Write>
std::string json_array(const List& elements, Write write) {
  return json_text([&](JsonWriter& writer) {
    writer.StartArray();
    for (const auto& element : elements) write(writer, element);
    writer.EndArray();
  });
}

}  // namespace jetpack::support
