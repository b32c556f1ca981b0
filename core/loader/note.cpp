// A plugin's note as data: its identity, what it needs, and its commands with their parameters.
#include "loader/note.hpp"

#include <algorithm>
#include <array>

#include <jetpack/error.hpp>
#include "loader/listing.hpp"
#include "loader/refusal.hpp"
#include "support/json.hpp"

namespace jetpack {

namespace {

using Value = rapidjson::Value;

[[noreturn]] void refuse(const std::string& what) { throw Refusal(what); }

// What `read` returns; what it refuses is a fault of the note.
template <class Read>
auto from_note(Read read) {
  try {
    return read();
  } catch (const Refusal& refusal) {
    throw Refusal(std::string("its note is faulty: ") + refusal.what());
  }
}

std::string_view printable(const Value& value, const char* what) {
  if (!support::is_string(value)) refuse(std::string("'") + what + "' is not a string");
  return checked_text(support::text_of(value), what);
}

support::Json parse(std::string_view text) {
  try {
    return support::Json::parse(text, "note", {}, support::JsonRules::strict);
  } catch (const Error& e) {
    refuse(e.what());
  }
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

// What a character of a name may be.
enum : unsigned char { no_part = 0, letter = 1, other = 2, space = 4 };
constexpr std::array<unsigned char, 256> parts_of_names = [] {
  std::array<unsigned char, 256> parts{};
  for (unsigned char c = 'a'; c <= 'z'; ++c) parts[c] = letter;
  for (unsigned char c = '0'; c <= '9'; ++c) parts[c] = other;
  parts['-'] = parts['_'] = other;
  parts[' '] = space;
  return parts;
}();

// A command's or option's name: lower-case words, as they can be typed.
bool is_name(std::string_view name, size_t words) {
  if (name.empty() || name.size() > 64) return false;
  unsigned allowed = letter;  // first of a word
  for (const char c : name) {
    const unsigned part = parts_of_names[static_cast<unsigned char>(c)];
    if ((part & allowed) == 0) return false;
    allowed = part == space ? letter : letter | other | space;
    if (part == space && --words == 0) return false;
  }
  return allowed != letter;
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
  p.is_argument = argument;
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
  p.values_from = optional_text(value, "values_from");
  p.from_config = optional_text(value, "from_config");
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

Note::Note(NoteText text, Kind kind) : text_(std::move(text)) {
  from_note([&] {
    // A program's note is written by hand, so its members may stand in any order.
    Listing listing = read_listing(text_.text, kind == Kind::library ? "details" : "", listing_);
    program_ = listing.program;
    if (kind == Kind::program && listing.abi_count == 0) {
      listing.abi = {JP_ABI_MAJOR, JP_ABI_MINOR};
      listing.abi_count = 2;
    }
    if (listing.schema != 1) refuse("schema 1 is expected; the plugin may need a newer jetpack");
    if (listing.abi_count != 2 || listing.abi[0] > UINT16_MAX || listing.abi[1] > UINT16_MAX)
      refuse("'abi' is not [MAJOR, MINOR]");
    if (listing.id.empty() || listing.version.empty()) refuse("it has no id or no version");
    id_ = std::move(listing.id);
    version_ = std::move(listing.version);
    abi_major_ = static_cast<uint16_t>(listing.abi[0]);
    abi_minor_ = static_cast<uint16_t>(listing.abi[1]);
    needed_ = std::move(listing.needed);
    entries_ = std::move(listing.commands);
    for (const auto& [name, summary] : entries_) {
      if (!is_name(name, max_command_words))
        refuse("'" + std::string(name) + "' cannot be a command");
      if (summary.empty()) refuse("command '" + std::string(name) + "' has no summary");
    }
    if (entries_.empty() && !has_offers()) refuse("it declares no command");
  });
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

bool Note::has_offers() const {
  // In a text of another kind it costs a look by read_offers(), and nothing else.
  constexpr std::string_view keys[] = {"\"checks\"", "\"timers\"", "\"hooks\"", "\"settings\""};
  return std::any_of(std::begin(keys), std::end(keys), [&](std::string_view key) {
    return text_.text.rfind(key) != std::string_view::npos;
  });
}

CommandNote Note::command(std::string_view name) const {
  CommandNote command;
  command.name = name;
  for (const auto& entry : entries_)
    if (entry.name == name) command.summary = entry.summary;
  from_note([&] {
    const support::Json json = parse(text_.text);
    for_each(json.root(), "details", [&](const Value& details) {
      if (text_of(details, "command") == name) read_details(details, command);
    });
  });
  return command;
}

}  // namespace jetpack
