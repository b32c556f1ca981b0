// The blobs of the hub's lockers, as files in one directory.
#include "blobs/blob_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include <jetpack/error.hpp>
#include "blobs/blob_error.hpp"
#include "blobs/blob_names.hpp"
#include "blobs/blob_space.hpp"
#include "common/text.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/random.hpp"
#include "support/sha256.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

constexpr int commit_attempts = 100;

void sync_directory(const fs::path& path) {
  const support::Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) fail_on_blob("failed to sync", path, errno);
}

// Moves a finished file into place; whether directories were created for it. Another process may
// remove a directory that is empty just when it is needed: then it is created again.
bool move_into_place(const std::string& from, const fs::path& to) {
  bool is_made = false;
  for (int attempt = 0; attempt < commit_attempts; ++attempt) {
    std::error_code ignored;
    is_made |= fs::create_directories(to.parent_path(), ignored);
    if (::rename(from.c_str(), to.c_str()) == 0) return is_made;
    if (errno != ENOENT) break;
  }
  fail_on_blob("failed to store the blob as", to, errno);
}

struct Entry {
  std::string key;  // the name, with a '/' after a directory's: sorted by these, blobs are
  fs::path path;    // in the order of their whole names
  bool is_directory = false;
};

std::vector<Entry> entries_of(const fs::path& path) {
  std::vector<Entry> entries;
  const support::Directory directory(::opendir(path.c_str()));
  if (!directory) return entries;
  while (const dirent* found = ::readdir(directory.get())) {
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

// One listing, as it walks the directories.
struct Walk {
  const std::string& prefix;
  const std::string& after;
  bool is_grouped;
  const std::function<bool(const ListedBlob&)>& visit;

  // False to end the listing.
  bool walk(const fs::path& path, const std::string& base) const {
    for (const Entry& entry : entries_of(path)) {
      const std::string name = base + entry.key;
      if (!(entry.is_directory ? subdirectory(entry.path, name) : blob(entry.path, name)))
        return false;
    }
    return true;
  }

  bool subdirectory(const fs::path& path, const std::string& name) const {
    const bool is_below = name.starts_with(prefix);
    if (!is_below && !prefix.starts_with(name)) return true;
    if (is_grouped && is_below && name.size() > prefix.size())
      return name <= after || visit({name, std::nullopt});
    // Everything in there sorts before `after`.
    if (name < after && !after.starts_with(name)) return true;
    return walk(path, name);
  }

  bool blob(const fs::path& path, const std::string& name) const {
    if (!name.starts_with(prefix) || name <= after) return true;
    auto found = open_blob_file(path);
    return !found || visit({name, std::move(found->properties)});
  }
};

// All blocks of a blob have ids of one length.
void check_length(const fs::path& directory, const std::string& name) {
  const support::Directory opened(::opendir(directory.c_str()));
  if (!opened) return;
  while (const dirent* found = ::readdir(opened.get())) {
    const std::string_view other = found->d_name;
    if (other.starts_with('.')) continue;
    if (other.size() == name.size()) return;
    throw BlobError(400, "InvalidBlobOrBlock",
                    "the block id has another length than those of the blob's other blocks");
  }
}

uint64_t block_size(const fs::path& path) {
  std::error_code failure;
  const uint64_t size = fs::file_size(path, failure);
  if (failure) throw BlobError(400, "InvalidBlockList", "the block list contains an unknown block");
  return size;
}

void append_file(const support::Fd& to, const fs::path& path,
                 const std::function<void(uint64_t)>& note) {
  const support::Fd from(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!from) throw BlobError(400, "InvalidBlockList", "the block list contains an unknown block");
  constexpr size_t at_once = 16 << 20;
  for (;;) {
    const ssize_t sent = ::sendfile(to.get(), from.get(), nullptr, at_once);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) fail_on_blob("failed to copy the block", path, errno);
    if (sent == 0) return;
    note(static_cast<uint64_t>(sent));
  }
}

}  // namespace

BlobWriter::BlobWriter(const BlobStore& store, BlobLedger::Charge charge, support::Fd file,
                       std::string path)
    : store_(store), charge_(std::move(charge)), file_(std::move(file)), path_(std::move(path)) {}

BlobWriter::~BlobWriter() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

// What was not announced needs room all the same.
void BlobWriter::wrote(uint64_t bytes) {
  if (const uint64_t more = charge_.wrote(bytes); more > 0) store_.require_room(more);
}

void BlobWriter::write(std::string_view data) {
  digest_.update(data.data(), data.size());
  crc64_.update(data);
  while (!data.empty()) {
    const ssize_t written = ::write(file_.get(), data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_on_blob("failed to write", path_, errno);
    data.remove_prefix(static_cast<size_t>(written));
    wrote(static_cast<uint64_t>(written));
  }
}

std::string BlobWriter::md5() {
  const auto& digest = digest_.digest();
  return support::base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

BlobStore::BlobStore(fs::path root, const StorageQuotas& quotas)
    : root_(std::move(root)), quotas_(quotas) {
  support::create_directories(root_, 0700);
  support::create_directories(waiting(), 0700);
  remove_forgotten();
}

// Removes unfinished uploads of clients and of killed processes.
void BlobStore::remove_forgotten() const {
  const auto now = fs::file_time_type::clock::now();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(waiting(), ignored)) {
    const auto time = entry.last_write_time(ignored);
    if (!ignored && now - time > std::chrono::hours{quotas_.unfinished_hours})
      fs::remove_all(entry.path(), ignored);
  }
}

void BlobStore::recount() {
  remove_forgotten();
  ledger_.replace(count_blobs(root_, waiting()));
}

void BlobStore::require_room(uint64_t bytes) const {
  require_disk_room(root_, quotas_, bytes + ledger_.unwritten());
}

uint64_t BlobStore::bytes_of(const std::string& container, const std::string& blob) const {
  return size_on_disk(blob_path(container, blob));
}

fs::path BlobStore::container_path(const std::string& container) const {
  if (!is_container_name(container))
    throw BlobError(
        400, "InvalidResourceName",
        "invalid container name: expected 3 to 63 lower-case letters, digits and single '-'");
  return root_ / container;
}

fs::path BlobStore::blob_path(const std::string& container, const std::string& blob) const {
  const auto segments = segments_of(blob);
  fs::path path = container_path(container);
  if (!has_container(container))
    throw BlobError(404, "ContainerNotFound", "container '" + container + "' not found");
  for (size_t i = 0; i + 1 < segments.size(); ++i) path /= segments[i];
  return path / (segments.back() + std::string(blob_suffix));
}

fs::path BlobStore::blocks_path(const std::string& container, const std::string& blob) const {
  blob_path(container, blob);
  return waiting() / support::sha256_hex(container + "/" + blob);
}

bool BlobStore::create_container(const std::string& container) {
  const fs::path path = container_path(container);
  if (::mkdir(path.c_str(), 0700) == 0) {
    sync_directory(root_);
    return true;
  }
  if (errno != EEXIST) fail_on_blob("failed to create the container", path, errno);
  return false;
}

bool BlobStore::has_container(const std::string& container) const {
  return fs::is_directory(container_path(container));
}

std::optional<OpenBlob> BlobStore::open(const std::string& container,
                                        const std::string& blob) const {
  return open_blob_file(blob_path(container, blob));
}

void BlobStore::list(const std::string& container, const std::string& prefix,
                     const std::string& after, bool is_grouped,
                     const std::function<bool(const ListedBlob&)>& visit) const {
  const fs::path path = container_path(container);
  if (!has_container(container))
    throw BlobError(404, "ContainerNotFound", "container '" + container + "' not found");
  Walk{prefix, after, is_grouped, visit}.walk(path, "");
}

BlobWriter BlobStore::start(BlobUpload upload) {
  require_room(upload.bytes);
  auto charge =
      ledger_.charge(std::move(upload.use), upload.bytes, upload.credit, upload.is_administrator);
  std::string name = (waiting() / "new-XXXXXX").string();
  support::Fd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) fail_on_blob("failed to create a file in", waiting(), errno);
  return {*this, std::move(charge), std::move(file), std::move(name)};
}

BlobProperties BlobStore::commit(BlobWriter& writer, const std::string& container,
                                 const std::string& blob, BlobProperties properties,
                                 const BlobCondition& condition) {
  const fs::path path = blob_path(container, blob);
  struct stat status {};
  if (::fstat(writer.file_.get(), &status) != 0)
    fail_on_blob("failed to read", writer.path_, errno);
  properties.bytes = static_cast<uint64_t>(status.st_size);
  properties.etag = "\"0x" + support::hex(support::random_bytes(8)) + "\"";
  properties.modified = now_ms() / 1000;
  writer.write(blob_footer(properties));
  if (::fsync(writer.file_.get()) != 0) fail_on_blob("failed to sync", writer.path_, errno);
  const std::lock_guard lock(changing_);
  const auto before = open_blob_file(path);
  condition(before ? &before->properties : nullptr);
  const uint64_t replaced = before ? size_on_disk(path) : 0;
  const uint64_t size = size_on_disk(writer.path_);
  const bool has_new_directories = move_into_place(writer.path_, path);
  writer.path_.clear();
  ledger_.subtract({container, blob}, replaced);
  ledger_.add({container, blob}, size);
  fs::path directory = path.parent_path();
  for (sync_directory(directory); has_new_directories && directory != root_;
       sync_directory(directory))
    directory = directory.parent_path();
  return properties;
}

void BlobStore::keep_block(BlobWriter& writer, const std::string& container,
                           const std::string& blob, const std::string& id) {
  const fs::path directory = blocks_path(container, blob);
  const std::string name = block_file(id);
  check_length(directory, name);
  const uint64_t replaced = size_on_disk(directory / name);
  const uint64_t size = size_on_disk(writer.path_);
  if (move_into_place(writer.path_, directory / name))
    note_use_of_blocks(directory, {container, blob});
  writer.path_.clear();
  ledger_.subtract({container, blob}, replaced);
  ledger_.add({container, blob}, size);
}

// A block that is named many times counts as often: the blob will be that large.
BlobProperties BlobStore::commit_blocks(const std::vector<std::string>& ids,
                                        const std::string& container, const std::string& blob,
                                        BlobProperties properties, const BlobCondition& condition,
                                        bool is_administrator) {
  const fs::path directory = blocks_path(container, blob);
  uint64_t bytes = 0;
  for (const auto& id : ids) bytes += block_size(directory / block_file(id));
  const uint64_t credit = bytes_of(container, blob) + bytes_of_blocks(directory);
  BlobWriter writer = start({{container, blob}, bytes, credit, is_administrator});
  for (const auto& id : ids)
    append_file(writer.file_, directory / block_file(id),
                [&writer](uint64_t copied) { writer.wrote(copied); });
  properties = commit(writer, container, blob, std::move(properties), condition);
  remove_blocks({container, blob});
  return properties;
}

void BlobStore::remove_blocks(const BlobUse& use) {
  const fs::path directory = blocks_path(use.container, use.blob);
  ledger_.subtract(use, bytes_of_blocks(directory));
  std::error_code ignored;
  fs::remove_all(directory, ignored);
}

bool BlobStore::remove(const std::string& container, const std::string& blob,
                       const BlobCondition& condition) {
  const fs::path path = blob_path(container, blob);
  const std::lock_guard lock(changing_);
  const auto before = open_blob_file(path);
  condition(before ? &before->properties : nullptr);
  if (!before) return false;
  const uint64_t size = size_on_disk(path);
  if (::unlink(path.c_str()) != 0) fail_on_blob("failed to remove the blob", path, errno);
  ledger_.subtract({container, blob}, size);
  sync_directory(path.parent_path());
  // Up to the first directory that is still needed.
  const fs::path top = container_path(container);
  for (fs::path directory = path.parent_path(); directory != top;
       directory = directory.parent_path())
    if (::rmdir(directory.c_str()) != 0) break;
  return true;
}

}  // namespace jetpack::hub
