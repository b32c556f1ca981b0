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

// How much of JSON text, in whole blocks, has no escape and only printable ASCII in its strings.
// (The reader refuses line breaks there.)
size_t plain_size(std::string_view json) {
  constexpr size_t block = 64;
  size_t plain = 0;
  for (; json.size() - plain >= block; plain += block) {
    unsigned char other = 0;
    for (size_t i = 0; i < block; ++i) {
      const auto c = static_cast<unsigned char>(json[plain + i]);
      // Bitwise, so that it becomes a few vector instructions.
      const unsigned char odd = static_cast<unsigned char>(c - 0x20) > 0x7E - 0x20 ? 1 : 0;
      other |= static_cast<unsigned char>((odd & (c != '\n' ? 1 : 0)) | (c == '\\' ? 1 : 0));
    }
    if (other != 0) break;
  }
  return plain;
}

// Takes what a listing needs. A listing reads the notes of all plugins, and must cost next to
// nothing.
class ListingReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, ListingReader> {
 public:
  Listing found;
  size_t failed_at = 0;

  // Reads `json` in place; false when it is not what is expected.
  bool read(std::vector<char>& json) {
    json.push_back('\0');
    plain_end_ = json.data() + plain_size({json.data(), json.size() - 1});
    rapidjson::InsituStringStream stream(json.data());
    const auto result = rapidjson::Reader().Parse<rapidjson::kParseInsituFlag>(stream, *this);
    failed_at = result.Offset();
    return !result.IsError() || complete_;
  }

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
    if (top_ == Top::id) found.id = checked(text, "id");
    if (top_ == Top::version) found.version = checked(text, "version");
    if (top_ == Top::needed) found.needed.emplace_back(checked(text, "requires"));
    if (top_ == Top::commands) {
      auto& command = found.commands.back();
      (in_ == In::name      ? command.name
       : in_ == In::summary ? command.summary
                            : command.library) = checked(text, "commands");
    }
    return true;
  }
  bool Key(const char* data, rapidjson::SizeType size, bool) {
    const std::string_view key(data, size);
    if (depth_ == 1) top_ = top_of(key);
    in_ = depth_ == 3 ? in_of(key) : In::other;
    complete_ = depth_ == 1 && top_ == Top::rest;
    return !complete_;
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

  std::string_view checked(std::string_view text, const char* what) const {
    return text.data() + text.size() <= plain_end_ ? text : checked_text(text, what);
  }

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

  const char* plain_end_ = nullptr;  // strings before it need no check
  bool complete_ = false;
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

Listing read_listing(std::string_view text, std::string_view end, std::vector<char>& copy) {
  // What follows may be most of the text. As our own tools write it, it follows a list.
  const std::string mark = "],\"" + std::string(end) + '"';
  const size_t found = text.find(mark);
  if (found != std::string_view::npos) {
    copy.assign(text.begin(), text.begin() + static_cast<ptrdiff_t>(found + mark.size()));
    if (ListingReader listing; listing.read(copy)) return std::move(listing.found);
  }
  // It was not the name at the top.
  copy.assign(text.begin(), text.end());
  ListingReader listing;
  if (listing.read(copy)) return std::move(listing.found);
  throw Refusal("not the JSON that is expected, at byte " + std::to_string(listing.failed_at));
}

}  // namespace jetpack
