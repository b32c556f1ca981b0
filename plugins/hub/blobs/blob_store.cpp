// The blobs of the hub's lockers, as files in one directory.
#include "blobs/blob_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <system_error>

#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>

#include <jetpack/error.hpp>
#include "common/base64.hpp"
#include "common/json.hpp"
#include "common/json_writer.hpp"
#include "common/passwords.hpp"
#include "common/text.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

// A blob's file ends with its properties as JSON, their size in eight hexadecimal digits, and this.
constexpr std::string_view end_mark = "jpblob1\n";
constexpr size_t size_digits = 8;
constexpr size_t max_properties_size = 64 << 10;
constexpr std::string_view blob_suffix = "%blob";
constexpr size_t max_blob_name = 1024;  // Azure's, in characters; here in bytes
constexpr size_t max_segment = 200;     // with what it is escaped by, it must be a file name
constexpr size_t max_block_id = 64;     // bytes, before base64
constexpr auto forgotten_after = std::chrono::hours{24 * 7};  // as Azure drops blocks
constexpr int commit_attempts = 100;

[[noreturn]] void fail_on(const std::string& doing, const fs::path& path, int error) {
  throw Error(error == ENOSPC || error == EDQUOT ? Errc::unavailable : Errc::failed,
              doing + " " + path.string() + ": " + std::generic_category().message(error));
}

[[noreturn]] void bad_name(const std::string& why) {
  throw BlobRefusal(400, "InvalidResourceName", "the blob's name cannot be kept: " + why);
}

bool is_well_formed(const std::string& text) {
  rapidjson::MemoryStream in(text.data(), text.size());
  rapidjson::StringBuffer out;
  while (in.Tell() < text.size())
    if (!rapidjson::UTF8<>::Validate(in, out)) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
  });
}

std::string escaped(std::string_view segment) {
  std::string text;
  for (const char c : segment) {
    if (c == '%')
      text += "%25";
    else
      text += c;
  }
  return text;
}

std::string unescaped(std::string_view segment) {
  std::string text;
  for (size_t i = 0; i < segment.size(); ++i) {
    text += segment[i];
    if (segment.substr(i).starts_with("%25")) i += 2;
  }
  return text;
}

std::vector<std::string> segments_of(const std::string& blob) {
  if (blob.empty() || blob.size() > max_blob_name) bad_name("it has no or too many characters");
  if (!is_well_formed(blob)) bad_name("it is not UTF-8 text without control characters");
  std::vector<std::string> segments;
  for (size_t at = 0; at <= blob.size();) {
    const size_t end = std::min(blob.find('/', at), blob.size());
    const std::string segment = blob.substr(at, end - at);
    if (segment.empty() || segment == "." || segment == "..")
      bad_name("it has a segment that is empty, '.' or '..'");
    segments.push_back(escaped(segment));
    if (segments.back().size() > max_segment) bad_name("it has a segment that is too long");
    at = end + 1;
  }
  return segments;
}

bool is_container_name(const std::string& name) {
  return name.size() >= 3 && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         name.find("--") == std::string::npos && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::string footer_of(const BlobProperties& properties) {
  std::string text = json_object([&](Object& object) {
    object.text("etag", properties.etag)
        .number("modified", properties.modified)
        .object("headers", [&](Object& headers) {
          for (const auto& [name, value] : properties.headers) headers.text(name, value);
        });
  });
  if (text.size() > max_properties_size)
    throw BlobRefusal(400, "MetadataTooLarge", "the blob's headers are too large");
  std::array<char, size_digits + 1> size{};
  std::snprintf(size.data(), size.size(), "%08zx", text.size());
  return text.append(size.data(), size_digits).append(end_mark);
}

[[noreturn]] void damaged(const fs::path& path) {
  throw Error(Errc::corrupt, "cannot use " + path.string() + ": it is no blob of this store");
}

std::string read_at(const Descriptor& file, uint64_t offset, size_t size, const fs::path& path) {
  std::string text(size, '\0');
  const ssize_t got = ::pread(file.get(), text.data(), size, static_cast<off_t>(offset));
  if (got != static_cast<ssize_t>(size)) damaged(path);
  return text;
}

BlobProperties parse_properties(const std::string& text, const fs::path& path) {
  const rapidjson::Document document = parse_json(text);
  if (document.HasParseError() || !document.IsObject()) damaged(path);
  const auto* etag = find_member(document, "etag");
  const auto* modified = find_member(document, "modified");
  const auto* headers = find_member(document, "headers");
  if (etag == nullptr || !etag->IsString() || modified == nullptr || !modified->IsInt64() ||
      headers == nullptr || !headers->IsObject())
    damaged(path);
  BlobProperties properties;
  properties.etag = text_of(*etag);
  properties.modified = modified->GetInt64();
  for (const auto& header : headers->GetObject()) {
    if (!header.value.IsString()) damaged(path);
    properties.headers.emplace_back(text_of(header.name), text_of(header.value));
  }
  return properties;
}

// nullopt when there is no such file.
std::optional<OpenBlob> open_file(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file) fail_on("cannot open the blob", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_on("cannot open the blob", path, errno);
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

void sync_folder(const fs::path& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) fail_on("cannot write to disk", path, errno);
}

// Puts a finished file in its place; whether folders were made for it. Another process may remove a
// folder that has become empty just when it is needed: then it is made again.
bool move_into_place(const std::string& from, const fs::path& to) {
  bool is_made = false;
  for (int attempt = 0; attempt < commit_attempts; ++attempt) {
    std::error_code ignored;
    is_made |= fs::create_directories(to.parent_path(), ignored);
    if (::rename(from.c_str(), to.c_str()) == 0) return is_made;
    if (errno != ENOENT) break;
  }
  fail_on("cannot put the blob at", to, errno);
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

struct Entry {
  std::string key;  // the name, with a '/' behind a folder's: in the order of these, blobs are
  fs::path path;    // in the order of their whole names
  bool is_folder = false;
};

std::vector<Entry> entries_of(const fs::path& path) {
  std::vector<Entry> entries;
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
  if (!folder) return entries;
  while (const dirent* found = ::readdir(folder.get())) {
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    if (name.ends_with(blob_suffix)) {
      entries.push_back(
          {unescaped(name.substr(0, name.size() - blob_suffix.size())), path / name, false});
    } else {
      entries.push_back({unescaped(name) + "/", path / name, true});
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.key < b.key; });
  return entries;
}

// One listing on its way through the folders.
struct Walk {
  const std::string& prefix;
  const std::string& after;
  bool is_grouped;
  const std::function<bool(const ListedBlob&)>& visit;

  // False when the listing is to end.
  bool folder(const fs::path& path, const std::string& base) const {
    for (const Entry& entry : entries_of(path)) {
      const std::string name = base + entry.key;
      if (!(entry.is_folder ? subfolder(entry.path, name) : blob(entry.path, name))) return false;
    }
    return true;
  }

  bool subfolder(const fs::path& path, const std::string& name) const {
    const bool is_below = name.starts_with(prefix);
    if (!is_below && !prefix.starts_with(name)) return true;
    if (is_grouped && is_below && name.size() > prefix.size())
      return name <= after || visit({name, std::nullopt});
    // All that is in there comes before `after`.
    if (name < after && !after.starts_with(name)) return true;
    return folder(path, name);
  }

  bool blob(const fs::path& path, const std::string& name) const {
    if (!name.starts_with(prefix) || name <= after) return true;
    auto found = open_file(path);
    return !found || visit({name, std::move(found->properties)});
  }
};

// The name of a block's file: its id, which is base64 of any bytes.
std::string block_file(const std::string& id) {
  const std::string bytes = from_base64(id);
  if (bytes.empty() || bytes.size() > max_block_id || to_base64(bytes) != id)
    throw BlobRefusal(400, "InvalidQueryParameterValue",
                      "a block's id must be base64 of at most 64 bytes");
  std::string name;
  constexpr std::string_view hex = "0123456789abcdef";
  for (const char c : bytes) {
    name += hex[static_cast<unsigned char>(c) >> 4U];
    name += hex[static_cast<unsigned char>(c) & 15U];
  }
  return name;
}

// All blocks of a blob have ids of one length.
void check_length(const fs::path& folder, const std::string& name) {
  const std::unique_ptr<DIR, CloseFolder> opened(::opendir(folder.c_str()));
  if (!opened) return;
  while (const dirent* found = ::readdir(opened.get())) {
    const std::string_view other = found->d_name;
    if (other.starts_with('.')) continue;
    if (other.size() == name.size()) return;
    throw BlobRefusal(400, "InvalidBlobOrBlock",
                      "the block's id is not as long as those of the blob's other blocks");
  }
}

void append_file(const Descriptor& to, const fs::path& path) {
  const Descriptor from(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!from)
    throw BlobRefusal(400, "InvalidBlockList", "the block list names a block that was not put");
  constexpr size_t at_once = 16 << 20;
  for (;;) {
    const ssize_t sent = ::sendfile(to.get(), from.get(), nullptr, at_once);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) fail_on("cannot copy the block", path, errno);
    if (sent == 0) return;
  }
}

}  // namespace

std::string BlobProperties::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

BlobWriter::BlobWriter(Descriptor file, std::string path)
    : file_(std::move(file)), path_(std::move(path)) {}

BlobWriter::~BlobWriter() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void BlobWriter::write(std::string_view data) {
  digest_.update(data.data(), data.size());
  while (!data.empty()) {
    const ssize_t written = ::write(file_.get(), data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_on("cannot write", path_, errno);
    data.remove_prefix(static_cast<size_t>(written));
  }
}

std::string BlobWriter::md5() {
  const auto& digest = digest_.digest();
  return to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

BlobStore::BlobStore(fs::path root) : root_(std::move(root)) {
  make_folder(root_, 0700);
  make_folder(waiting(), 0700);
  remove_forgotten();
}

// What clients left half done, and what a killed process left.
void BlobStore::remove_forgotten() const {
  const auto now = fs::file_time_type::clock::now();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(waiting(), ignored)) {
    const auto time = entry.last_write_time(ignored);
    if (!ignored && now - time > forgotten_after) fs::remove_all(entry.path(), ignored);
  }
}

fs::path BlobStore::container_path(const std::string& container) const {
  if (!is_container_name(container))
    throw BlobRefusal(400, "InvalidResourceName",
                      "a container's name is 3 to 63 small letters, digits and single '-'");
  return root_ / container;
}

fs::path BlobStore::blob_path(const std::string& container, const std::string& blob) const {
  const auto segments = segments_of(blob);
  fs::path path = container_path(container);
  if (!has_container(container))
    throw BlobRefusal(404, "ContainerNotFound", "there is no container '" + container + "'");
  for (size_t i = 0; i + 1 < segments.size(); ++i) path /= segments[i];
  return path / (segments.back() + std::string(blob_suffix));
}

fs::path BlobStore::blocks_path(const std::string& container, const std::string& blob) const {
  blob_path(container, blob);
  return waiting() / sha256_hex(container + "/" + blob);
}

bool BlobStore::create_container(const std::string& container) {
  const fs::path path = container_path(container);
  if (::mkdir(path.c_str(), 0700) == 0) {
    sync_folder(root_);
    return true;
  }
  if (errno != EEXIST) fail_on("cannot make the container", path, errno);
  return false;
}

bool BlobStore::has_container(const std::string& container) const {
  return fs::is_directory(container_path(container));
}

std::optional<OpenBlob> BlobStore::open(const std::string& container,
                                        const std::string& blob) const {
  return open_file(blob_path(container, blob));
}

void BlobStore::list(const std::string& container, const std::string& prefix,
                     const std::string& after, bool is_grouped,
                     const std::function<bool(const ListedBlob&)>& visit) const {
  const fs::path path = container_path(container);
  if (!has_container(container))
    throw BlobRefusal(404, "ContainerNotFound", "there is no container '" + container + "'");
  Walk{prefix, after, is_grouped, visit}.folder(path, "");
}

BlobWriter BlobStore::start() {
  std::string name = (waiting() / "new-XXXXXX").string();
  Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) fail_on("cannot write in", waiting(), errno);
  return {std::move(file), std::move(name)};
}

BlobProperties BlobStore::commit(BlobWriter& writer, const std::string& container,
                                 const std::string& blob, BlobProperties properties,
                                 const BlobCondition& condition) {
  const fs::path path = blob_path(container, blob);
  struct stat status {};
  if (::fstat(writer.file_.get(), &status) != 0) fail_on("cannot read", writer.path_, errno);
  properties.bytes = static_cast<uint64_t>(status.st_size);
  properties.etag = "\"0x" + random_hex(8) + "\"";
  properties.modified = now_ms() / 1000;
  writer.write(footer_of(properties));
  if (::fsync(writer.file_.get()) != 0) fail_on("cannot write to disk", writer.path_, errno);
  const std::lock_guard lock(changing_);
  const auto before = open_file(path);
  condition(before ? &before->properties : nullptr);
  const bool has_new_folders = move_into_place(writer.path_, path);
  writer.path_.clear();
  fs::path folder = path.parent_path();
  for (sync_folder(folder); has_new_folders && folder != root_; sync_folder(folder))
    folder = folder.parent_path();
  return properties;
}

void BlobStore::keep_block(BlobWriter& writer, const std::string& container,
                           const std::string& blob, const std::string& id) {
  const fs::path folder = blocks_path(container, blob);
  const std::string name = block_file(id);
  check_length(folder, name);
  move_into_place(writer.path_, folder / name);
  writer.path_.clear();
}

BlobProperties BlobStore::commit_blocks(const std::vector<std::string>& ids,
                                        const std::string& container, const std::string& blob,
                                        BlobProperties properties, const BlobCondition& condition) {
  const fs::path folder = blocks_path(container, blob);
  BlobWriter writer = start();
  for (const auto& id : ids) append_file(writer.file_, folder / block_file(id));
  properties = commit(writer, container, blob, std::move(properties), condition);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return properties;
}

bool BlobStore::remove(const std::string& container, const std::string& blob,
                       const BlobCondition& condition) {
  const fs::path path = blob_path(container, blob);
  const std::lock_guard lock(changing_);
  const auto before = open_file(path);
  condition(before ? &before->properties : nullptr);
  if (!before) return false;
  if (::unlink(path.c_str()) != 0) fail_on("cannot remove the blob", path, errno);
  sync_folder(path.parent_path());
  // Up to the first folder that is still needed.
  const fs::path top = container_path(container);
  for (fs::path folder = path.parent_path(); folder != top; folder = folder.parent_path())
    if (::rmdir(folder.c_str()) != 0) break;
  return true;
}

}  // namespace jetpack::hub
