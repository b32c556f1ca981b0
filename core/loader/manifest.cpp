// A bundle's plugin.json: what it says of the bundle, checked.
#include "loader/manifest.hpp"

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
    listing = read_listing(*text, "commands", bytes);
  } catch (const std::runtime_error& e) {
    fail(e.what());
  }
  if (listing.schema != 1) fail("schema 1 is expected; the bundle may need a newer jetpack");

  Manifest manifest;
  manifest.id_ = listing.id;
  manifest.version_ = listing.version;
  manifest.libraries_ = std::move(listing.libraries);
  if (manifest.libraries_.empty()) fail("it names no library");
  for (const auto& library : manifest.libraries_)
    if (!is_inside(library)) fail("the library '" + library + "' is not a path inside the bundle");
  return manifest;
}

std::string Manifest::disagreement(const Note& note) const {
  if (note.id() == id_ && note.version() == version_) return {};
  return "its manifest says " + id_ + " " + version_ + ", the library " + note.id() + " " +
         note.version();
}

}  // namespace jetpack
