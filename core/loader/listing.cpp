// What a listing of plugins needs of a note or a bundle's manifest, read without the rest.
#include "loader/listing.hpp"

#include <rapidjson/reader.h>
#include <rapidjson/stream.h>

#include "loader/refusal.hpp"
#include "support/json.hpp"
#include "support/utf8.hpp"

namespace jetpack {

namespace {

// Nothing but printable ASCII: mostly so, and seen in a few instructions for 16 bytes.
bool is_printable_ascii(std::string_view text) {
  bool other = false;
  for (const char c : text) other |= static_cast<unsigned char>(c - 0x20) > 0x7E - 0x20;
  return !other;
}

// Takes what a listing needs. A listing reads the notes of all plugins, and must cost next to
// nothing.
class ListingReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, ListingReader> {
 public:
  Listing found;
  bool complete = false;

  bool Default() { return expected() == Expected::anything; }
  bool Uint(unsigned number) { return Uint64(number); }
  bool Uint64(uint64_t number) {
    if (expected() != Expected::number) return Default();
    if (top_ == Top::schema) found.schema = number == 1 ? 1 : 0;
    if (top_ == Top::abi) found.abi.push_back(number);
    return true;
  }
  bool String(const char* data, rapidjson::SizeType size, bool) {
    if (expected() != Expected::text) return Default();
    const std::string_view text(data, size);
    if (top_ == Top::id) found.id = checked_text(text, "id");
    if (top_ == Top::version) found.version = checked_text(text, "version");
    if (top_ == Top::needed) found.needed.emplace_back(checked_text(text, "requires"));
    if (top_ == Top::commands) {
      auto& command = found.commands.back();
      (in_ == In::name      ? command.name
       : in_ == In::summary ? command.summary
                            : command.library) = checked_text(text, "commands");
    }
    return true;
  }
  bool Key(const char* data, rapidjson::SizeType size, bool) {
    const std::string_view key(data, size);
    if (depth_ == 1) top_ = top_of(key);
    in_ = depth_ == 3 ? in_of(key) : In::other;
    complete = depth_ == 1 && top_ == Top::rest;
    return !complete;
  }
  bool StartObject() {
    const auto what = expected();
    if (what != Expected::object && what != Expected::anything) return false;
    if (what == Expected::object && depth_ == 2) found.commands.emplace_back();
    return ++depth_ <= support::max_json_depth;
  }
  bool EndObject(rapidjson::SizeType) {
    --depth_;
    return true;
  }
  bool StartArray() {
    const auto what = expected();
    if (what != Expected::list && what != Expected::anything) return false;
    return ++depth_ <= support::max_json_depth;
  }
  bool EndArray(rapidjson::SizeType) {
    --depth_;
    return true;
  }

 private:
  enum class Top { other, schema, id, version, abi, needed, commands, rest };
  enum class In { other, name, summary, library };
  enum class Expected { anything, number, text, list, object };

  static Top top_of(std::string_view key) {
    if (key == "schema") return Top::schema;
    if (key == "id") return Top::id;
    if (key == "version") return Top::version;
    if (key == "abi") return Top::abi;
    if (key == "requires") return Top::needed;
    if (key == "commands") return Top::commands;
    if (key == "details" || key == "files") return Top::rest;
    return Top::other;
  }

  static In in_of(std::string_view key) {
    if (key == "name") return In::name;
    if (key == "summary") return In::summary;
    return key == "library" ? In::library : In::other;
  }

  // What may stand here: {"schema":1, "id":"", "version":"", "abi":[1,0], "requires":[""],
  // "commands":[{"name":"", "summary":"", ...}], ...}
  Expected expected() const {
    if (depth_ == 0) return Expected::object;
    if (depth_ > 3 || top_ == Top::other) return Expected::anything;
    if (depth_ == 1) {
      if (top_ == Top::schema) return Expected::number;
      return top_ == Top::id || top_ == Top::version ? Expected::text : Expected::list;
    }
    if (depth_ == 2) {
      if (top_ == Top::abi) return Expected::number;
      return top_ == Top::needed ? Expected::text : Expected::object;
    }
    return in_ != In::other ? Expected::text : Expected::anything;
  }

  unsigned depth_ = 0;
  Top top_ = Top::other;
  In in_ = In::other;
};

}  // namespace

std::string_view checked_text(std::string_view text, const char* what) {
  if (is_printable_ascii(text)) return text;
  if (!support::is_utf8(text)) throw Refusal(std::string("'") + what + "' is not UTF-8");
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F)
      throw Refusal(std::string("'") + what + "' has a control character");
  return text;
}

Listing read_listing(std::vector<char>& text) {
  rapidjson::InsituStringStream stream(text.data());
  rapidjson::Reader reader;
  ListingReader listing;
  const auto result = reader.Parse<rapidjson::kParseInsituFlag>(stream, listing);
  if (result.IsError() && !listing.complete)
    throw Refusal("not the JSON that is expected, at byte " + std::to_string(result.Offset()));
  return std::move(listing.found);
}

}  // namespace jetpack
