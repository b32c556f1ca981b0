// The room on the disk that blobs take, and what is kept free of them.
#include "blobs/blob_space.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "blobs/blob_file.hpp"
#include "blobs/blob_names.hpp"
#include "common/disk_full.hpp"
#include "support/files.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t part_for_reserve = 10;  // of a small disk, a tenth
constexpr const char* use_file = ".use";
constexpr size_t max_use = 8 << 10;
constexpr int max_depth = 1100;  // a name of 1,024 bytes has fewer segments

// The blobs of one container, as it walks the directories.
struct Count {
  const std::string& container;
  BlobLedger::Totals& totals;

  void walk(const fs::path& path, const std::string& base, int depth) const {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(path, ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.ends_with(blob_suffix)) {
        const std::string_view segment(name.data(), name.size() - blob_suffix.size());
        BlobLedger::count(totals, {container, base + unescaped(segment)},
                          size_on_disk(entry.path()));
      } else if (depth < max_depth && entry.is_directory(ignored)) {
        walk(entry.path(), base + unescaped(name) + "/", depth + 1);
      }
    }
  }
};

void count_waiting(const fs::path& waiting, BlobLedger::Totals& totals) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(waiting, ignored)) {
    if (!entry.is_directory(ignored)) continue;
    const auto use = support::read_file((entry.path() / use_file).string(), max_use);
    const size_t middle = use ? use->find('/') : std::string::npos;
    if (middle == std::string::npos) continue;
    BlobLedger::count(totals, {use->substr(0, middle), use->substr(middle + 1)},
                      bytes_of_blocks(entry.path()));
  }
}

}  // namespace

void require_disk_room(const fs::path& root, const StorageQuotas& quotas, uint64_t bytes) {
  struct statvfs disk {};
  if (::statvfs(root.c_str(), &disk) != 0) return;
  const uint64_t free = disk.f_bavail * disk.f_frsize;
  const uint64_t reserve = std::min(quotas.disk_reserve_mib * bytes_in_mib,
                                    disk.f_blocks * disk.f_frsize / part_for_reserve);
  if (bytes <= free && free - bytes >= reserve) return;
  const std::string reason = "the disk of the hub has " + shown_mib(free) +
                             " free, of which it keeps " + shown_mib(reserve) +
                             " for its database; remove blobs or make room there and retry";
  throw DiskFull("refused an upload to " + root.string() + ": " + reason, reason);
}

uint64_t size_on_disk(const fs::path& file) {
  std::error_code failure;
  const uint64_t size = fs::file_size(file, failure);
  return failure ? 0 : bytes_on_disk(size);
}

void note_use_of_blocks(const fs::path& directory, const BlobUse& use) {
  const std::string file = (directory / use_file).string();
  const support::Fd to(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!to) fail_on_blob("failed to create", file, errno);
  const int failure = support::write_all(to.get(), use.container + "/" + use.blob);
  if (failure != 0) fail_on_blob("failed to write", file, failure);
}

uint64_t bytes_of_blocks(const fs::path& directory) {
  uint64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored))
    if (entry.path().filename() != use_file) bytes += size_on_disk(entry.path());
  return bytes;
}

BlobLedger::Totals count_blobs(const fs::path& root, const fs::path& waiting) {
  BlobLedger::Totals totals;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root, ignored)) {
    const std::string container = entry.path().filename().string();
    if (is_container_name(container)) Count{container, totals}.walk(entry.path(), "", 0);
  }
  count_waiting(waiting, totals);
  return totals;
}

}  // namespace jetpack::hub
