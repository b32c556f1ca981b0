// All that a bundle's manifest says, as installing needs it, and how one is written.
#include "bundles/bundle_manifest.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "loader/listing.hpp"
#include "loader/refusal.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack::bundles {

namespace {

using rapidjson::Value;

constexpr size_t longest_id = 100, longest_version = 64;

[[noreturn]] void refuse(const std::string& why) {
  throw Refusal("its manifest is faulty: " + why);
}

std::string text_in(const Value& value, const char* what) {
  if (!support::is_string(value)) refuse(std::string("'") + what + "' is not a string");
  return std::string(checked_text(support::text_of(value), what));
}

std::string member_text(const Value& object, const char* name) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) refuse(std::string("'") + name + "' is missing");
  return text_in(*member, name);
}

std::vector<std::string> texts_in(const Value& root, const char* name) {
  std::vector<std::string> texts;
  const auto* list = support::find_member(root, name);
  if (list == nullptr) return texts;
  if (!list->IsArray()) refuse(std::string("'") + name + "' is not a list");
  for (const auto& value : list->GetArray()) texts.push_back(text_in(value, name));
  return texts;
}

void read_abi(const Value& root, BundleManifest& manifest) {
  const auto* abi = support::find_member(root, "abi");
  const auto number = [&](rapidjson::SizeType i) -> uint16_t {
    const Value& value = (*abi)[i];
    if (!value.IsUint() || value.GetUint() > UINT16_MAX) refuse("'abi' is not [MAJOR, MINOR]");
    return static_cast<uint16_t>(value.GetUint());
  };
  if (abi == nullptr || !abi->IsArray() || abi->Size() != 2) refuse("'abi' is not [MAJOR, MINOR]");
  manifest.abi_major = number(0);
  manifest.abi_minor = number(1);
}

void read_commands(const Value& root, BundleManifest& manifest) {
  const auto* commands = support::find_member(root, "commands");
  if (commands == nullptr || !commands->IsArray()) refuse("'commands' is not a list");
  for (const auto& command : commands->GetArray())
    manifest.commands.push_back({member_text(command, "name"), member_text(command, "summary"),
                                 member_text(command, "library")});
}

void read_files(const Value& root, const Manifest& checked, BundleManifest& manifest) {
  const auto* files = support::find_member(root, "files");
  if (files == nullptr || !files->IsObject()) refuse("'files' is not an object");
  if (files->MemberCount() > max_entries)
    refuse("it lists " + std::to_string(files->MemberCount()) + " files; the limit is " +
           std::to_string(max_entries));
  for (const auto& [name, unused] : files->GetObject()) {
    const std::string path(support::text_of(name));
    check_path(path);
    if (path == manifest_name || path == signature_name) refuse("it lists " + path);
    const auto* size = support::find_member(unused, "size");
    const std::string digest = support::text_or(unused, "sha256", "");
    if (size == nullptr || !size->IsUint64() || digest.size() != 64 ||
        digest.find_first_not_of("0123456789abcdef") != std::string::npos)
      refuse("it has no valid sha256 and size of " + path);
    if (!manifest.files.emplace(path, BundleFile{digest, size->GetUint64()}).second)
      refuse(path + " is listed twice");
  }
  for (const auto& library : manifest.libraries)
    if (!manifest.files.contains(library) || !library.starts_with("lib/"))
      refuse("the library '" + library + "' is not among its files in lib/");
  if (checked.id() != manifest.id || checked.version() != manifest.version)
    refuse("it says two things of its id and version");
}

// Of a name that is there twice, one reader may take the first and another the last.
void check_members(const Value& root) {
  constexpr const char* known[] = {"schema",   "id",        "version",   "abi",
                                   "platform", "requires",  "libraries", "capabilities",
                                   "limits",   "platforms", "commands",  "files"};
  size_t at = 0;
  for (const auto& [name, value] : root.GetObject()) {
    const auto found = std::find(std::begin(known) + at, std::end(known), support::text_of(name));
    if (found == std::end(known))
      refuse("'" + support::one_line(support::text_of(name)) +
             "' is unknown, there twice or in the wrong place; the bundle may need a newer "
             "jetpack");
    at = static_cast<size_t>(found - std::begin(known)) + 1;
  }
}

bool is_made_of(std::string_view text, std::string_view marks, size_t longest) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || support::is_digit(c);
  };
  return !text.empty() && text.size() <= longest && is_alphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return is_alphanumeric(c) || marks.find(c) != std::string_view::npos;
         });
}

}  // namespace

bool is_id(std::string_view id) { return is_made_of(id, "._-", longest_id) && id.back() != '.'; }
bool is_version(std::string_view version) {
  return is_made_of(version, "._-+~", longest_version) && version.back() != '.';
}

void check_id(std::string_view id) {
  if (!is_id(id))
    throw Refusal("'" + support::one_line(id.substr(0, longest_id)) +
                  "' is not a valid id; use letters, digits, '.', '-' and '_', at most " +
                  std::to_string(longest_id));
}

void check_version(std::string_view version) {
  if (!is_version(version))
    throw Refusal("'" + support::one_line(version.substr(0, longest_id)) +
                  "' is not a valid version; use letters, digits, '.', '-', '_', '+' and '~', at "
                  "most " +
                  std::to_string(longest_version));
}

BundleManifest BundleManifest::parse(std::string text) {
  const auto strict = [&] {
    try {
      return support::Json::parse(text, "plugin.json", {}, support::JsonRules::strict);
    } catch (const Error& error) {
      throw Refusal(std::string("its manifest is faulty: ") + error.what());
    }
  }();
  const Value& root = strict.root();
  if (!root.IsObject()) refuse("it is not an object");
  check_members(root);
  // What the host will read, by the host's own reader.
  const Manifest checked = Manifest::parse(text, std::string(manifest_name));
  BundleManifest manifest;
  manifest.id = member_text(root, "id");
  manifest.version = member_text(root, "version");
  check_id(manifest.id);
  check_version(manifest.version);
  read_abi(root, manifest);
  manifest.needed = texts_in(root, "requires");
  manifest.libraries = texts_in(root, "libraries");
  manifest.capabilities = checked.capabilities();
  manifest.limits = checked.limits();
  manifest.platforms = texts_in(root, "platforms");
  read_commands(root, manifest);
  read_files(root, checked, manifest);
  return manifest;
}

std::string BundleManifest::text() const {
  const auto add_limits = [&](support::Object& json) {
    const auto add = [&](const char* name, const std::optional<uint64_t>& limit) {
      if (limit) json.number(name, *limit);
    };
    add("memory", limits.memory);
    add("processes", limits.processes);
    add("files", limits.files);
    add("cpu", limits.cpu_ms);
    add("wall", limits.wall_ms);
  };
  return support::json_object([&](support::Object& json) {
           json.number("schema", 1).text("id", id).text("version", version);
           json.json("abi",
                     '[' + std::to_string(abi_major) + ',' + std::to_string(abi_minor) + ']');
           json.texts("requires", needed).texts("libraries", libraries);
           if (!capabilities.empty()) json.texts("capabilities", capabilities);
           if (limits != Limits{}) json.object("limits", add_limits);
           if (!platforms.empty()) json.texts("platforms", platforms);
           json.list("commands", commands, [](support::JsonWriter& writer, const Command& command) {
             support::Object(writer)
                 .text("name", command.name)
                 .text("summary", command.summary)
                 .text("library", command.library);
           });
           json.object("files", [&](support::Object& all) {
             for (const auto& listed : files)
               all.object(listed.first, [&](support::Object& entry) {
                 entry.text("sha256", listed.second.sha256).number("size", listed.second.size);
               });
           });
         }) +
         '\n';
}

int compare_versions(std::string_view a, std::string_view b) {
  const auto number_in = [](std::string_view& text) {
    size_t size = 0;
    while (size < text.size() && support::is_digit(text[size])) ++size;
    std::string_view digits = text.substr(0, size);
    text.remove_prefix(size);
    while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
    return digits;
  };
  // What ends comes before what goes on, but for a mark of what came earlier.
  const auto rank = [](std::string_view text) {
    if (text.empty()) return 1;
    if (text.front() == '-' || text.front() == '~') return 0;
    return support::is_digit(text.front()) ? 3 : 2;
  };
  while (!a.empty() || !b.empty()) {
    if (rank(a) != rank(b)) return rank(a) - rank(b);
    if (rank(a) == 3) {
      const auto x = number_in(a), y = number_in(b);
      if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
      if (const int order = x.compare(y); order != 0) return order;
      continue;
    }
    if (a.front() != b.front()) return a.front() < b.front() ? -1 : 1;
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  return 0;
}

}  // namespace jetpack::bundles
