// JSON written by hand.
#pragma once

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "support/json.hpp"

namespace jetpack::support {

// Writes numbers that are kept as text (see is_number_text) as they came in.
template <class Writer>
class NumberKeeping : public Writer {
 public:
  using Writer::Writer;

  bool String(const char* text, rapidjson::SizeType size, bool copy = false) {
    if (!is_number_text({text, size})) return Writer::String(text, size, copy);
    return Writer::RawValue(text + 1, size - 1, rapidjson::kNumberType);
  }
  bool String(const char* text) {
    const std::string_view view(text);
    return String(text, static_cast<rapidjson::SizeType>(view.size()));
  }
};

using JsonWriter = NumberKeeping<rapidjson::Writer<rapidjson::StringBuffer>>;
using PrettyJsonWriter = NumberKeeping<rapidjson::PrettyWriter<rapidjson::StringBuffer>>;

}  // namespace jetpack::support
