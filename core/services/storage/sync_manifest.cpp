// What the last sync of a directory left there.
#include "services/storage/sync_manifest.hpp"

#include <charconv>

#include <jetpack/error.hpp>
#include "services/storage/names.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::storage {

namespace {

constexpr uint64_t most_manifest = 256 << 20;

// mtime may be before 1970.
int64_t signed_number(const std::string& text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  return failure == std::errc{} && stop == end ? value : 0;
}

Manifest parsed(const std::string& text, const std::string& path) {
  const support::Json json = support::Json::parse(text, path);
  Manifest manifest;
  manifest.source = support::text_or(json.root(), "source", "");
  manifest.boot = support::text_or(json.root(), "boot", "");
  manifest.directory = support::number_or(json.root(), "directory", 0);
  const auto* files = support::find_member(json.root(), "files");
  if (files == nullptr || !files->IsArray())
    throw Error(Errc::corrupt, path + ": it has no list of files");
  for (const auto& file : files->GetArray()) {
    if (!file.IsObject()) continue;
    const std::string name = support::text_or(file, "name", "");
    if (!is_file_name(name)) continue;
    manifest.files[name] = {support::text_or(file, "tag", ""), support::number_or(file, "bytes", 0),
                            signed_number(support::text_or(file, "modified", "0")),
                            support::text_or(file, "md5", "")};
  }
  return manifest;
}

}  // namespace

std::string tag_of(const BlobInfo& blob) {
  if (!blob.etag.empty()) return blob.etag;
  return blob.md5.empty() ? "" : "md5 " + blob.md5;
}

Manifest read_manifest(const std::string& path,
                       const std::function<void(const std::string&)>& warn) {
  try {
    const auto text = support::read_private_file(path, most_manifest);
    return text ? parsed(*text, path) : Manifest{};
  } catch (const Error& e) {
    const std::string aside = support::move_aside(path);
    warn("cannot use the manifest of the last sync, moved to " + aside +
         ": every blob is transferred again: " + e.what());
    return {};
  }
}

void write_manifest(const std::string& path, const Manifest& manifest) {
  const auto add_file = [](support::JsonWriter& writer, const auto& named) {
    support::Object(writer)
        .text("name", named.first)
        .text("tag", named.second.tag)
        .number("bytes", named.second.bytes)
        .text("modified", std::to_string(named.second.modified))
        .text("md5", named.second.md5);
  };
  support::write_durably(path, support::json_object([&](support::Object& object) {
                           object.text("source", manifest.source)
                               .text("boot", manifest.boot)
                               .number("directory", manifest.directory)
                               .list("files", manifest.files, add_file);
                         }),
                         0600);
}

}  // namespace jetpack::storage
