// Indexes: signed lists of bundles.
#include "bundles/index.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "bundles/zip_reader.hpp"
#include "loader/listing.hpp"
#include "loader/refusal.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/ini.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/sha256.hpp"

namespace jetpack::bundles {

namespace {

using rapidjson::Value;

constexpr size_t max_offers = 10'000;

[[noreturn]] void refuse(const std::string& why) { throw Refusal("the index is faulty: " + why); }

std::string text_of(const Value& object, const char* name) {
  return std::string(checked_text(support::text_or(object, name, ""), name));
}

std::vector<std::string> texts_of(const Value& object, const char* name) {
  std::vector<std::string> texts;
  const auto* list = support::find_member(object, name);
  if (list == nullptr || !list->IsArray()) return texts;
  for (const auto& value : list->GetArray())
    if (support::is_string(value)) texts.emplace_back(checked_text(support::text_of(value), name));
  return texts;
}

// The url of a bundle, which is relative to that of the index unless it begins with a scheme.
std::string resolved(const std::string& url, const std::string& index) {
  if (url.starts_with("https://") || url.starts_with("locker:")) return url;
  if (url.find(':') != std::string::npos || url.starts_with('/'))
    refuse("'" + url + "' is neither a relative path nor https nor locker");
  if (("/" + url + "/").find("/../") != std::string::npos) refuse("'" + url + "' leads out of it");
  // Of https://host/index.json, locker:plugins/index.json or /srv/plugins/index.json.
  const size_t slash = index.rfind('/');
  const size_t end = slash == std::string::npos ? index.find(':') : slash;
  return (end == std::string::npos ? "" : index.substr(0, end + 1)) + url;
}

Offer read_offer(const Value& bundle, const std::string& location) {
  if (!bundle.IsObject()) refuse("a bundle is not an object");
  Offer offer;
  offer.id = text_of(bundle, "id");
  offer.version = text_of(bundle, "version");
  check_id(offer.id);
  check_version(offer.version);
  offer.summary = text_of(bundle, "summary");
  offer.platforms = texts_of(bundle, "platforms");
  offer.commands = texts_of(bundle, "commands");
  offer.sha256 = text_of(bundle, "sha256");
  constexpr size_t digits = 64;
  if (offer.sha256.size() != digits) refuse(offer.id + " has no sha256");
  offer.size = support::number_or(bundle, "size", 0);
  offer.location = resolved(text_of(bundle, "url"), location);
  return offer;
}

std::string digest_of_file(const FileReader& file) {
  support::Sha256 digest;
  std::string piece(64 << 10, '\0');
  uint64_t at = 0;
  while (const size_t got = file.read(at, piece)) {
    digest.update(std::string_view(piece).substr(0, got));
    at += got;
  }
  return support::hex(digest.finish());
}

void add_file(support::JsonWriter& json, const std::string& file) {
  const support::Fd fd = support::open_file(file);
  if (!fd) throw Error(Errc::not_found, "cannot read " + file + ": not found");
  const FileReader reader(fd.get());
  const ZipReader zip(reader);
  const auto manifest = BundleManifest::parse(zip.read_small(manifest_name, max_manifest));
  std::vector<std::string> commands;
  for (const auto& command : manifest.commands) commands.push_back(command.name);
  std::sort(commands.begin(), commands.end());
  commands.erase(std::unique(commands.begin(), commands.end()), commands.end());
  support::Object(json)
      .text("id", manifest.id)
      .text("version", manifest.version)
      .text("summary", manifest.commands.empty() ? "" : manifest.commands.front().summary)
      .texts("platforms", manifest.platforms)
      .texts("commands", commands)
      .text("url", file.substr(file.rfind('/') + 1))
      .text("sha256", digest_of_file(reader))
      .number("size", reader.size());
}

}  // namespace

bool Offer::is_for_this_machine() const {
  return platforms.empty() ||
         std::find(platforms.begin(), platforms.end(), native_platform) != platforms.end();
}

std::vector<Offer> parse_index(std::string_view text, const std::string& location) {
  std::vector<Offer> offers;
  try {
    const auto json = support::Json::parse(text, location, {}, support::JsonRules::strict);
    const auto* bundles = support::find_member(json.root(), "bundles");
    if (support::number_or(json.root(), "schema", 0) != 1 || bundles == nullptr ||
        !bundles->IsArray())
      refuse("it has not the form of schema 1; it may need a newer jetpack");
    if (bundles->Size() > max_offers) refuse("it has too many bundles");
    for (const auto& bundle : bundles->GetArray()) offers.push_back(read_offer(bundle, location));
  } catch (const Error& error) {
    refuse(error.what());
  }
  return offers;
}

std::string index_of(const std::vector<std::string>& files) {
  std::vector<std::string> sorted = files;
  std::sort(sorted.begin(), sorted.end());
  return support::json_object([&](support::Object& json) {
           json.number("schema", 1).list("bundles", sorted, add_file);
         }) +
         '\n';
}

const Offer* newest(const std::vector<Offer>& offers, std::string_view id,
                    std::string_view version) {
  const Offer* best = nullptr;
  for (const auto& offer : offers) {
    if (offer.id != id || !offer.is_for_this_machine()) continue;
    if (!version.empty() && offer.version != version) continue;
    if (best == nullptr || compare_versions(best->version, offer.version) < 0) best = &offer;
  }
  return best;
}

std::vector<std::string> index_locations(const std::string& home) {
  const std::string path = home + "/config/plugins.ini";
  std::vector<std::string> locations;
  const auto text = support::read_private_file(path, 1 << 20);
  if (!text) return locations;
  constexpr std::string_view separators = " \t\r\n,";
  const std::string urls = support::Ini::parse(*text, path).get("index", "urls").value_or("");
  for (size_t at = urls.find_first_not_of(separators); at != std::string::npos;) {
    const size_t end = std::min(urls.find_first_of(separators, at), urls.size());
    locations.push_back(urls.substr(at, end - at));
    at = urls.find_first_not_of(separators, end);
  }
  return locations;
}

}  // namespace jetpack::bundles
