// A plugin's note as data: its identity, what it needs, and its commands with their parameters.
#include "loader/note.hpp"

#include <algorithm>

#include <rapidjson/reader.h>
#include <rapidjson/stream.h>

#include <jetpack/error.hpp>
#include "loader/refusal.hpp"
#include "support/json.hpp"
#include "support/utf8.hpp"

namespace jetpack {

namespace {

using Value = rapidjson::Value;

[[noreturn]] void refuse(const std::string& what) { throw Refusal("its note is faulty: " + what); }

// Nothing but printable ASCII: mostly so, and seen in a few instructions for 16 bytes.
bool is_printable_ascii(std::string_view text) {
  bool other = false;
  for (const char c : text) other |= static_cast<unsigned char>(c - 0x20) > 0x7E - 0x20;
  return !other;
}

// What a note says is shown on terminals, so control characters are refused. Paragraphs may have
// line breaks.
std::string_view checked(std::string_view text, const char* what) {
  if (is_printable_ascii(text)) return text;
  if (!support::is_utf8(text)) refuse(std::string("'") + what + "' is not UTF-8");
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F)
      refuse(std::string("'") + what + "' has a control character");
  return text;
}

std::string_view printable(const Value& value, const char* what) {
  if (!support::is_string(value)) refuse(std::string("'") + what + "' is not a string");
  return checked(support::text_of(value), what);
}

support::Json parse(const std::string& text) {
  try {
    return support::Json::parse(text, "note", {}, support::JsonRules::strict);
  } catch (const Error& e) {
    refuse(e.what());
  }
}

// Takes from a note what a listing needs, which stands before "details". A listing reads the notes
// of all plugins, and must cost next to nothing.
class ListingReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, ListingReader> {
 public:
  int64_t schema = 0;
  std::string id, version;
  std::vector<uint64_t> abi;
  std::vector<std::string> needed;
  std::vector<Note::Entry> entries;
  bool complete = false;

  bool Default() { return expected() == Expected::anything; }
  bool Uint(unsigned number) { return Uint64(number); }
  bool Uint64(uint64_t number) {
    if (expected() != Expected::number) return Default();
    if (top_ == Top::schema) schema = number == 1 ? 1 : 0;
    if (top_ == Top::abi) abi.push_back(number);
    return true;
  }
  bool String(const char* data, rapidjson::SizeType size, bool) {
    if (expected() != Expected::text) return Default();
    const std::string_view text(data, size);
    if (top_ == Top::id) id = checked(text, "id");
    if (top_ == Top::version) version = checked(text, "version");
    if (top_ == Top::needed) needed.emplace_back(checked(text, "requires"));
    if (top_ == Top::commands) {
      (in_name_ ? entries.back().name : entries.back().summary) = checked(text, "commands");
    }
    return true;
  }
  bool Key(const char* data, rapidjson::SizeType size, bool) {
    const std::string_view key(data, size);
    if (depth_ == 1) top_ = top_of(key);
    in_name_ = depth_ == 3 && key == "name";
    in_summary_ = depth_ == 3 && key == "summary";
    complete = depth_ == 1 && top_ == Top::details;
    return !complete;
  }
  bool StartObject() {
    const auto what = expected();
    if (what != Expected::object && what != Expected::anything) return false;
    if (what == Expected::object && depth_ == 2) entries.emplace_back();
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
  enum class Top { other, schema, id, version, abi, needed, commands, details };
  enum class Expected { anything, number, text, list, object };

  static Top top_of(std::string_view key) {
    if (key == "schema") return Top::schema;
    if (key == "id") return Top::id;
    if (key == "version") return Top::version;
    if (key == "abi") return Top::abi;
    if (key == "requires") return Top::needed;
    if (key == "commands") return Top::commands;
    if (key == "details") return Top::details;
    return Top::other;
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
    return in_name_ || in_summary_ ? Expected::text : Expected::anything;
  }

  unsigned depth_ = 0;
  Top top_ = Top::other;
  bool in_name_ = false, in_summary_ = false;
};

// Reads the NUL-terminated text in place: what `listing` then points to is in there.
void read_listing(std::vector<char>& text, ListingReader& listing) {
  rapidjson::InsituStringStream stream(text.data());
  rapidjson::Reader reader;
  const auto result = reader.Parse<rapidjson::kParseInsituFlag>(stream, listing);
  if (result.IsError() && !listing.complete)
    refuse("not the JSON that is expected, at byte " + std::to_string(result.Offset()));
}

std::string_view text_of(const Value& object, const char* name) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) refuse(std::string("'") + name + "' is missing");
  return printable(*member, name);
}

std::string optional_text(const Value& object, const char* name) {
  const auto* member = support::find_member(object, name);
  return member == nullptr ? std::string() : std::string(printable(*member, name));
}

bool flag_of(const Value& object, const char* name) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) return false;
  if (!member->IsBool()) refuse(std::string("'") + name + "' is not true or false");
  return member->GetBool();
}

std::optional<int64_t> integer_of(const Value& object, const char* name) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) return std::nullopt;
  if (!member->IsInt64()) refuse(std::string("'") + name + "' is not an integer");
  return member->GetInt64();
}

// Calls `use` for each element of an array member; nothing when it is missing.
template <class Use>
void for_each(const Value& object, const char* name, Use use) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) return;
  if (!member->IsArray()) refuse(std::string("'") + name + "' is not a list");
  for (const auto& element : member->GetArray()) use(element);
}

// A command's or option's name: lower-case words, as they can be typed.
bool is_name(std::string_view name, size_t words) {
  if (name.empty() || name.size() > 64) return false;
  size_t seen = 1;
  char before = ' ';
  for (const char c : name) {
    const bool inner = (c >= '0' && c <= '9') || c == '-' || c == '_';
    const bool letter = c >= 'a' && c <= 'z';
    if (c == ' ' && before != ' ') {
      ++seen;
    } else if (!letter && !(inner && before != ' ')) {
      return false;
    }
    before = c;
  }
  return before != ' ' && seen <= words;
}

jp_type type_of(const Value& parameter) {
  const std::string type = optional_text(parameter, "type");
  if (type.empty() || type == "text") return JP_TEXT;
  if (type == "flag") return JP_FLAG;
  if (type == "integer") return JP_INTEGER;
  if (type == "duration") return JP_DURATION;
  refuse("type '" + type + "' is unknown; the plugin may need a newer jetpack");
}

ParameterNote read_parameter(const Value& value, bool argument) {
  if (!value.IsObject()) refuse("a parameter is not an object");
  ParameterNote p;
  p.name = text_of(value, "name");
  if (argument ? p.name.empty() : !is_name(p.name, 1) || p.name == "help")
    refuse("'" + p.name + "' cannot be the name of a parameter");
  const std::string letter = optional_text(value, "letter");
  if (!letter.empty()) p.letter = letter[0];
  if (letter.size() > 1 || p.letter == 'h' || p.letter == '-')
    refuse("'" + letter + "' cannot be the letter of an option");
  p.type = type_of(value);
  p.required = flag_of(value, "required");
  p.repeated = flag_of(value, "repeated");
  p.negatable = flag_of(value, "negatable");
  if (support::find_member(value, "default") != nullptr) p.fallback = text_of(value, "default");
  for_each(value, "choices",
           [&](const Value& choice) { p.choices.emplace_back(printable(choice, "choices")); });
  p.min = integer_of(value, "min");
  p.max = integer_of(value, "max");
  p.metavar = argument ? p.name : optional_text(value, "metavar");
  p.help = optional_text(value, "help");
  return p;
}

void read_details(const Value& details, CommandNote& command) {
  command.description = optional_text(details, "description");
  for_each(details, "options",
           [&](const Value& option) { command.options.push_back(read_parameter(option, false)); });
  for_each(details, "arguments", [&](const Value& argument) {
    command.arguments.push_back(read_parameter(argument, true));
  });
  for_each(details, "examples", [&](const Value& example) {
    command.examples.push_back(
        {std::string(text_of(example, "line")), optional_text(example, "help")});
  });
}

}  // namespace

Note::Note(std::string text) : text_(std::move(text)) {
  ListingReader listing;
  listing_.assign(text_.c_str(), text_.c_str() + text_.size() + 1);
  read_listing(listing_, listing);
  if (listing.schema != 1) refuse("schema 1 is expected; the plugin may need a newer jetpack");
  if (listing.abi.size() != 2 || listing.abi[0] > UINT16_MAX || listing.abi[1] > UINT16_MAX)
    refuse("'abi' is not [MAJOR, MINOR]");
  if (listing.id.empty() || listing.version.empty()) refuse("it has no id or no version");
  id_ = std::move(listing.id);
  version_ = std::move(listing.version);
  abi_major_ = static_cast<uint16_t>(listing.abi[0]);
  abi_minor_ = static_cast<uint16_t>(listing.abi[1]);
  needed_ = std::move(listing.needed);
  entries_ = std::move(listing.entries);
  for (const auto& entry : entries_) {
    if (!is_name(entry.name, max_command_words))
      refuse("'" + std::string(entry.name) + "' cannot be a command");
    if (entry.summary.empty()) refuse("command '" + std::string(entry.name) + "' has no summary");
  }
  if (entries_.empty()) refuse("it declares no command");
}

bool Note::has_command(std::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.name == name; });
}

bool Note::has_group(std::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.name.size() > name.size() && entry.name.starts_with(name) &&
           entry.name[name.size()] == ' ';
  });
}

CommandNote Note::command(std::string_view name) const {
  CommandNote command;
  command.name = name;
  for (const auto& entry : entries_)
    if (entry.name == name) command.summary = entry.summary;
  const support::Json json = parse(text_);
  for_each(json.root(), "details", [&](const Value& details) {
    if (text_of(details, "command") == name) read_details(details, command);
  });
  return command;
}

}  // namespace jetpack
