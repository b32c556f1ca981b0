// The format of a blob's file: its content, then its properties.
#include "blobs/blob_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <system_error>

#include <jetpack/error.hpp>
#include "blobs/blob_error.hpp"
#include "common/disk_full.hpp"
#include "common/json.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

// A blob's file ends with its properties as JSON, their size in eight hexadecimal digits, and this.
constexpr std::string_view end_mark = "jpblob1\n";
constexpr size_t size_digits = 8;
constexpr size_t max_properties_size = 64 << 10;

[[noreturn]] void damaged(const fs::path& path) {
  throw Error(Errc::corrupt, path.string() + ": not a valid blob file");
}

std::string read_at(const support::Fd& file, uint64_t offset, size_t size, const fs::path& path) {
  std::string text(size, '\0');
  const ssize_t got = ::pread(file.get(), text.data(), size, static_cast<off_t>(offset));
  if (got != static_cast<ssize_t>(size)) damaged(path);
  return text;
}

BlobProperties parse_properties(const std::string& text, const fs::path& path) {
  const auto document = parse_object(text);
  if (!document) damaged(path);
  const auto etag = support::find_string(*document, "etag");
  const auto* modified = support::find_member(*document, "modified");
  const auto* headers = support::find_member(*document, "headers");
  if (!etag || modified == nullptr || !modified->IsInt64() || headers == nullptr ||
      !headers->IsObject())
    damaged(path);
  BlobProperties properties;
  properties.etag = *etag;
  properties.modified = modified->GetInt64();
  for (const auto& header : headers->GetObject()) {
    if (!support::is_string(header.value)) damaged(path);
    properties.headers.emplace_back(support::text_of(header.name), support::text_of(header.value));
  }
  return properties;
}

}  // namespace

std::string BlobProperties::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

void fail_on_blob(const std::string& doing, const fs::path& path, int error) {
  const std::string text =
      doing + " " + path.string() + ": " + std::generic_category().message(error);
  if (error == ENOSPC || error == EDQUOT) throw DiskFull(text);
  throw Error(Errc::failed, text);
}

std::string blob_footer(const BlobProperties& properties) {
  std::string text = support::json_object([&](support::Object& object) {
    object.text("etag", properties.etag)
        .number("modified", properties.modified)
        .object("headers", [&](support::Object& headers) {
          for (const auto& [name, value] : properties.headers) headers.text(name, value);
        });
  });
  if (text.size() > max_properties_size)
    throw BlobError(400, "MetadataTooLarge", "the headers of the blob are too large");
  std::array<char, size_digits + 1> size{};
  std::snprintf(size.data(), size.size(), "%08zx", text.size());
  return text.append(size.data(), size_digits).append(end_mark);
}

std::optional<OpenBlob> open_blob_file(const fs::path& path) {
  support::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file) fail_on_blob("failed to open the blob", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_on_blob("failed to open the blob", path, errno);
  const auto size = static_cast<uint64_t>(status.st_size);
  constexpr size_t fixed = size_digits + end_mark.size();
  if (!S_ISREG(status.st_mode) || size < fixed) damaged(path);
  const std::string end = read_at(file, size - fixed, fixed, path);
  size_t length = 0;
  const auto [rest, failure] = std::from_chars(end.data(), end.data() + size_digits, length, 16);
  if (!end.ends_with(end_mark) || failure != std::errc{} || rest != end.data() + size_digits ||
      length > max_properties_size || length + fixed > size)
    damaged(path);
  BlobProperties properties =
      parse_properties(read_at(file, size - fixed - length, length, path), path);
  properties.bytes = size - fixed - length;
  return OpenBlob{std::move(file), std::move(properties)};
}

}  // namespace jetpack::hub
