// A bundle's plugin.json: what it says of the bundle, checked.
#include "loader/manifest.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "loader/refusal.hpp"
#include "support/json.hpp"

namespace jetpack {

namespace {

// A path that stays in the bundle's directory.
bool is_inside(const std::string& path) {
  if (path.empty() || path[0] == '/') return false;
  return ("/" + path + "/").find("/../") == std::string::npos;
}

}  // namespace

Manifest Manifest::read(const std::string& directory) {
  const std::string path = directory + "/plugin.json";
  std::optional<support::Json> json;
  try {
    json = support::Json::read(path, {}, support::JsonRules::strict);
  } catch (const Error& e) {
    throw Refusal(e.what());
  }
  if (!json) throw Refusal("the bundle has no manifest: " + path + " does not exist");
  const auto fail = [&](const std::string& what) { throw Refusal(path + ": " + what); };
  const auto& root = json->root();
  const auto* schema = support::find_member(root, "schema");
  if (schema == nullptr || !schema->IsInt() || schema->GetInt() != 1)
    fail("schema 1 is expected; the bundle may need a newer jetpack");

  Manifest manifest;
  manifest.id_ = support::find_string(root, "id").value_or("");
  manifest.version_ = support::find_string(root, "version").value_or("");
  const auto* commands = support::find_member(root, "commands");
  if (commands == nullptr || !commands->IsArray()) fail("'commands' is not a list");
  for (const auto& command : commands->GetArray()) {
    Entry entry{support::find_string(command, "name").value_or(""),
                support::find_string(command, "library").value_or("")};
    if (entry.name.empty()) fail("a command has no name");
    if (!is_inside(entry.library))
      fail("the library of '" + entry.name + "' is not a path inside the bundle");
    const auto& known = manifest.libraries_;
    if (std::find(known.begin(), known.end(), entry.library) == known.end())
      manifest.libraries_.push_back(entry.library);
    manifest.commands_.push_back(std::move(entry));
  }
  if (manifest.libraries_.empty()) fail("it declares no command");
  return manifest;
}

std::string Manifest::disagreement(const Note& note, const std::string& library) const {
  if (note.id() != id_ || note.version() != version_)
    return "its manifest says " + id_ + " " + version_ + ", the library " + note.id() + " " +
           note.version();
  const auto count = std::count_if(commands_.begin(), commands_.end(), [&](const Entry& entry) {
    return entry.library == library && note.has_command(entry.name);
  });
  if (static_cast<size_t>(count) != note.commands().size())
    return "its manifest and the library's note do not declare the same commands";
  return {};
}

}  // namespace jetpack
