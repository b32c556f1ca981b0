// A bundle's plugin.json: what it says of the bundle, checked.
#include "loader/manifest.hpp"

#include <algorithm>

#include "loader/listing.hpp"
#include "loader/refusal.hpp"
#include "support/files.hpp"

namespace jetpack {

namespace {

constexpr uint64_t max_size = 16 << 20;  // a bundle may hold very many files

// A path that stays in the bundle's directory.
bool is_inside(const std::string& path) {
  if (path.empty() || path[0] == '/') return false;
  return ("/" + path + "/").find("/../") == std::string::npos;
}

}  // namespace

Manifest Manifest::read(const std::string& directory) {
  const std::string path = directory + "/plugin.json";
  const auto fail = [&](const std::string& what) { throw Refusal(path + ": " + what); };
  std::vector<char> bytes;
  Listing listing;
  try {
    const auto text = support::read_file(path, max_size);
    if (!text) throw Refusal("the bundle has no manifest");
    listing = read_listing(*text, "files", bytes);
  } catch (const std::runtime_error& e) {
    fail(e.what());
  }
  if (listing.schema != 1) fail("schema 1 is expected; the bundle may need a newer jetpack");

  Manifest manifest;
  manifest.id_ = listing.id;
  manifest.version_ = listing.version;
  for (const auto& command : listing.commands) {
    Entry entry{std::string(command.name), std::string(command.library)};
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
