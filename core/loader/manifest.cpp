// A bundle's plugin.json: what it says of the bundle, checked.
#include "loader/manifest.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "loader/listing.hpp"
#include "loader/refusal.hpp"
#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack {

namespace {

using support::Json;

constexpr uint64_t max_size = 16 << 20;  // a bundle may hold very many files

#if defined(__x86_64__)
#define JETPACK_PLATFORM "linux-x86_64"
#elif defined(__aarch64__)
#define JETPACK_PLATFORM "linux-aarch64"
#else
#error "name this machine's platform here"
#endif

// A path that stays in the bundle's directory.
bool is_inside(const std::string& path) {
  if (path.empty() || path[0] == '/') return false;
  return ("/" + path + "/").find("/../") == std::string::npos;
}

// Whether a library is for this machine, or for all: in lib/, or in the platform's directory there.
bool is_native(const std::string& library) {
  constexpr std::string_view any = "lib/linux-", own = "lib/" JETPACK_PLATFORM "/";
  return library.starts_with(own) || !library.starts_with(any) ||
         library.find('/', any.size()) == std::string::npos;
}

bool is_digest(std::string_view text) {
  constexpr size_t digits = 64;
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// The member `key` of a manifest, and nothing else of it.
template <class Use>
void with_member(const std::string& text, const std::string& path, const char* key, Use use) {
  try {
    const Json json = Json::parse(text, path, key, support::JsonRules::strict);
    if (const auto* member = support::find_member(json.root(), key)) use(*member);
  } catch (const Error& error) {
    throw Refusal(error.what());
  }
}

}  // namespace

const char* const native_platform = JETPACK_PLATFORM;

Manifest Manifest::read(const std::string& directory) {
  const std::string path = directory + "/plugin.json";
  try {
    auto text = support::read_file(path, max_size);
    if (text) return parse(*std::move(text), path);
  } catch (const Error& e) {
    throw Refusal(path + ": " + e.what());
  }
  throw Refusal(path + ": the bundle has no manifest");
}

Manifest Manifest::parse(std::string text, const std::string& path) {
  const auto fail = [&](const std::string& what) { throw Refusal(path + ": " + what); };
  Manifest manifest;
  manifest.path_ = path;
  manifest.text_ = std::move(text);
  std::vector<char> bytes;
  Listing listing;
  try {
    listing = read_listing(manifest.text_, "commands", bytes);
  } catch (const Refusal& refusal) {
    fail(refusal.what());
  }
  if (listing.schema != 1) fail("schema 1 is expected; the bundle may need a newer jetpack");
  manifest.id_ = std::move(listing.id);
  manifest.version_ = std::move(listing.version);
  manifest.libraries_ = std::move(listing.libraries);
  auto& libraries = manifest.libraries_;
  if (libraries.empty()) fail("it names no library");
  for (const auto& library : libraries)
    if (!is_inside(library)) fail("the library '" + library + "' is not a path inside the bundle");
  std::erase_if(libraries, [](const std::string& library) { return !is_native(library); });
  if (libraries.empty()) fail("it has nothing for this machine, which is " JETPACK_PLATFORM);
  return manifest;
}

std::string Manifest::disagreement(const Note& note) const {
  // A bundle of several plugins is named after what their names begin with.
  const bool below = note.id().size() > id_.size() && note.id().starts_with(id_) &&
                     note.id()[id_.size()] == '.' && !id_.empty();
  if (below || (note.id() == id_ && note.version() == version_)) return {};
  return "its manifest says " + id_ + " " + version_ + ", the library " + note.id() + " " +
         note.version();
}

std::optional<BundleFile> Manifest::file(std::string_view path) const {
  std::optional<BundleFile> found;
  with_member(text_, path_, "files", [&](const rapidjson::Value& files) {
    const auto* file = support::find_member(files, path);
    if (file == nullptr) return;
    const auto* size = support::find_member(*file, "size");
    const std::string sha256 = support::text_or(*file, "sha256", "");
    if (!is_digest(sha256) || size == nullptr || !size->IsUint64())
      throw Refusal(path_ + ": it has no valid sha256 and size of " + std::string(path));
    found = {sha256, size->GetUint64()};
  });
  return found;
}

std::vector<std::string> Manifest::capabilities() const {
  std::vector<std::string> names;
  with_member(text_, path_, "capabilities", [&](const rapidjson::Value& list) {
    if (!list.IsArray()) throw Refusal(path_ + ": 'capabilities' is not a list");
    for (const auto& name : list.GetArray()) {
      if (!support::is_string(name)) throw Refusal(path_ + ": a capability is not a string");
      names.emplace_back(checked_text(support::text_of(name), "capabilities"));
    }
  });
  return names;
}

Limits Manifest::limits() const {
  Limits limits;
  with_member(text_, path_, "limits", [&](const rapidjson::Value& object) {
    if (!object.IsObject()) throw Refusal(path_ + ": 'limits' is not an object");
    const auto read = [&](const char* name, std::optional<uint64_t>& limit) {
      const auto* value = support::find_member(object, name);
      if (value == nullptr) return;
      if (!value->IsUint64() || value->GetUint64() == 0)
        throw Refusal(path_ + ": the limit '" + name + "' is not a number from 1");
      limit = value->GetUint64();
    };
    read("memory", limits.memory);
    read("processes", limits.processes);
    read("files", limits.files);
    read("cpu", limits.cpu_ms);
    read("wall", limits.wall_ms);
  });
  return limits;
}

}  // namespace jetpack
