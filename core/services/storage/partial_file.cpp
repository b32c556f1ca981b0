// A download that is not whole yet.
#include "services/storage/partial_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>
#include <optional>

#include <linux/magic.h>

#include <jetpack/error.hpp>
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"

namespace jetpack::storage {

namespace {

constexpr uint64_t most_state = 1 << 20;
// File systems take names of 255 bytes; ours are longer than the destination's.
constexpr size_t longest_shown_name = 200;
// To reserve the space of less would cost more than to write it.
constexpr uint64_t least_reserved = 1 << 20;

Errc errc_of_system(int error) {
  if (error == EACCES || error == EPERM || error == EROFS) return Errc::denied;
  if (error == ENOSPC || error == EDQUOT) return Errc::unavailable;
  return Errc::failed;
}

[[noreturn]] void fail_system(const std::string& doing, const std::string& path, int error) {
  throw Error(errc_of_system(error),
              "cannot " + doing + ' ' + path + ": " + support::system_message(error));
}

// FNV-1a, so that two long names that begin alike have two partial files.
std::string short_hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (int shift = 60; shift >= 0; shift -= 4) hex += digits[(hash >> shift) & 15];
  return hex;
}

std::string short_name(const std::string& name) {
  if (name.size() <= longest_shown_name) return name;
  return name.substr(0, longest_shown_name - 20) + '-' + short_hash(name);
}

struct PathParts {
  std::string directory;  // with its '/'; empty: the current one
  std::string name;
};

PathParts parts_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  PathParts parts{path.substr(0, slash + 1), path.substr(slash + 1)};  // npos + 1 is 0
  if (parts.name.empty() || parts.name == "." || parts.name == ".." ||
      path.find('\0') != std::string::npos)
    throw Error(Errc::usage, "cannot download to '" + path + "': it names no file");
  return parts;
}

// `at` and `name` are where it is; `path` is for errors.
void check_destination(int at, const std::string& name, const std::string& path) {
  struct stat info {};
  if (::fstatat(at, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    fail_system("write", path, errno);
  }
  const std::string cannot = "cannot write " + path + ": ";
  if (S_ISDIR(info.st_mode))
    throw Error(Errc::failed, cannot + "it is a directory; name a file in it");
  if (at != AT_FDCWD && S_ISLNK(info.st_mode))
    throw Error(Errc::failed, cannot +
                                  "it is a symbolic link, which is neither followed nor "
                                  "replaced; remove it");
  if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode))
    throw Error(Errc::failed,
                cannot +
                    "it is neither a file nor a link to one, and would be replaced; name "
                    "another");
}

// Whether the open file is a plain one of ours alone: another user may have put one there.
bool is_ours(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid() &&
         info.st_nlink == 1;
}

uint64_t size_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

std::optional<std::string> read_own_state(int at, const std::string& name) {
  const support::Fd fd(::openat(at, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd || !is_ours(fd.get())) return std::nullopt;
  return support::read_bounded(fd.get(), most_state, name);
}

constexpr unsigned all_mode_bits = 07777;

// As fallocate(2), but returns the error or 0. Reserving memory means to clear it, which takes longer
// than to write to it: there, room is looked for.
int reserve_room(int fd, off_t size) {
  struct statfs disk {};
  if (::fstatfs(fd, &disk) != 0 || disk.f_type != TMPFS_MAGIC)
    return ::fallocate(fd, 0, 0, size) == 0 ? 0 : errno;
  const bool is_limited = disk.f_blocks != 0;
  const auto needed = static_cast<uint64_t>(size) / static_cast<uint64_t>(disk.f_bsize);
  return is_limited && disk.f_bavail < needed ? ENOSPC : 0;
}

}  // namespace

std::string partial_name(const std::string& name) {
  return '.' + short_name(name) + ".jetpack-part";
}

bool is_still_at(int fd, int at, const std::string& name) {
  struct stat here {};
  struct stat there {};
  return ::fstat(fd, &here) == 0 && ::fstatat(at, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

bool is_trusted(const struct stat& file) {
  return S_ISREG(file.st_mode) && (file.st_uid == 0 || file.st_uid == ::geteuid());
}

void take_over(int fd, const struct stat& old) {
  struct stat now {};
  if (!is_trusted(old) || ::fstat(fd, &now) != 0) return;
  // Who may not give a file away keeps it.
  const bool is_alike = now.st_uid == old.st_uid && now.st_gid == old.st_gid;
  const bool is_given = is_alike || ::fchown(fd, old.st_uid, old.st_gid) == 0;
  if (!is_given && old.st_uid != ::geteuid()) return;
  if (now.st_mode != old.st_mode || !is_alike) ::fchmod(fd, old.st_mode & all_mode_bits);
}

PartialFile::PartialFile(const std::string& destination, const std::function<void()>& wait,
                         support::Fd directory)
    : destination_(destination), directory_(std::move(directory)) {
  PathParts parts = parts_of(destination);
  if (directory_) parts.directory.clear();
  name_ = parts.directory + parts.name;
  check_destination(at(), name_, destination_);
  part_ = parts.directory + partial_name(parts.name);
  state_ = parts.directory + '.' + short_name(parts.name) + ".jetpack-state";
  while (!lock(wait)) {
  }
}

// False when the file that was locked is no longer the one at the path.
bool PartialFile::lock(const std::function<void()>& wait) {
  const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  fd_ = support::Fd(::openat(at(), part_.c_str(), flags, 0666));
  if (!fd_ && errno != ELOOP && errno != ENXIO && errno != EISDIR) {
    if (errno == ENOENT)
      throw Error(Errc::failed, "cannot write " + destination_ +
                                    ": its directory does not exist; create it first");
    fail_system("write", destination_ + " (with " + part_ + ')', errno);
  }
  if (!fd_ || !is_ours(fd_.get())) {
    // Not by its content, and not through it: what another user has put there is removed.
    if (::unlinkat(at(), part_.c_str(), 0) != 0 && errno != ENOENT)
      fail_system("remove, to write " + destination_ + ',', part_, errno);
    return false;
  }
  while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) fail_system("lock", part_, errno);
    wait();
    const timespec pause{0, 50'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return is_still_at(fd_.get(), at(), part_);
}

Ranges PartialFile::what_is_there(const Content& content) const {
  try {
    const auto text = read_own_state(at(), state_);
    if (!text || size_of(fd_.get()) != content.bytes) return {};
    const support::Json json = support::Json::parse(*text, state_);
    const auto is = [&](const char* name, const std::string& value) {
      return support::find_string(json.root(), name) == value;
    };
    const std::string boot = support::boot_id();
    if (content.etag.empty() || boot.empty() || !is("blob", content.blob) ||
        !is("etag", content.etag) || !is("bytes", std::to_string(content.bytes)) ||
        !is("boot", boot))
      return {};
    return Ranges::parse(support::find_string(json.root(), "there").value_or(""), content.bytes)
        .value_or(Ranges{});
  } catch (const Error&) {
    // What cannot be read is as good as none.
    return {};
  }
}

void PartialFile::reserve(uint64_t bytes) const {
  const auto size = static_cast<off_t>(bytes);
  if (const int error = bytes >= least_reserved ? reserve_room(fd_.get(), size) : 0; error != 0) {
    if (error == ENOSPC || error == EDQUOT) {
      struct statvfs disk {};
      const bool is_known = ::fstatvfs(fd_.get(), &disk) == 0;
      throw Error(
          Errc::unavailable,
          "cannot write " + destination_ + ": " + std::to_string(bytes) + " bytes are needed" +
              (is_known ? " and " + std::to_string(disk.f_bavail * disk.f_frsize) + " are free"
                        : "") +
              "; make room, or choose another disk");
    }
    // Not every file system can reserve.
    if (error != EOPNOTSUPP && error != ENOSYS && error != EINVAL)
      fail_system("write", destination_, error);
  }
  if (::ftruncate(fd_.get(), size) != 0) fail_system("write", destination_, errno);
}

Ranges PartialFile::resume(const Content& content, bool fresh) {
  content_ = content;
  if (!fresh) {
    Ranges there = what_is_there(content);
    if (there.bytes() > 0) return there;
  }
  ::unlinkat(at(), state_.c_str(), 0);
  if (size_of(fd_.get()) > 0 && ::ftruncate(fd_.get(), 0) != 0) fail_system("write", part_, errno);
  try {
    reserve(content.bytes);
  } catch (...) {
    discard();
    throw;
  }
  return {};
}

void PartialFile::write_at(uint64_t offset, std::string_view data) const {
  while (!data.empty()) {
    const size_t size = std::min<size_t>(data.size(), write_unit - offset % write_unit);
    const ssize_t written = ::pwrite(fd_.get(), data.data(), size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_system("write", destination_, errno);
    offset += static_cast<uint64_t>(written);
    data.remove_prefix(static_cast<size_t>(written));
  }
}

void PartialFile::read_back(Range range, const std::function<bool(std::string_view)>& take) const {
  // Stays in the second cache. To map the file instead costs more where the processor's page tables are
  // not ours alone: on some virtual machines a third of the time of the MD5.
  constexpr uint64_t window = 512 << 10;
  const auto buffer = std::make_unique_for_overwrite<char[]>(window);
  while (range.begin < range.end) {
    const ssize_t got = ::pread(fd_.get(), buffer.get(), std::min(window, range.end - range.begin),
                                static_cast<off_t>(range.begin));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail_system("read back", part_, got < 0 ? errno : EIO);
    if (!take({buffer.get(), static_cast<size_t>(got)})) return;
    range.begin += static_cast<uint64_t>(got);
  }
}

// Not synced: that would make the disk write all that was downloaded, again and again. Renamed, so
// that a kill leaves the old state or the new.
void PartialFile::record(const Ranges& ranges) {
  recorded_ = ranges.bytes();
  rapidjson::StringBuffer buffer;
  support::JsonWriter writer(buffer);
  writer.StartObject();
  for (const auto& [name, value] : {std::pair<const char*, std::string>{"blob", content_.blob},
                                    {"etag", content_.etag},
                                    {"bytes", std::to_string(content_.bytes)},
                                    {"boot", support::boot_id()},
                                    {"there", ranges.text()}}) {
    writer.Key(name);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
  writer.EndObject();
  const std::string temporary = state_ + '~';
  const support::Fd fd(::openat(at(), temporary.c_str(),
                                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  const std::string_view text(buffer.GetString(), buffer.GetSize());
  // Without the state the next download starts again, which is no reason to fail this one.
  if (!fd || !is_ours(fd.get())) return;
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return;
  ::renameat(at(), temporary.c_str(), at(), state_.c_str());
}

void PartialFile::finish() {
  struct stat old {};
  if (::fstatat(at(), name_.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0) take_over(fd_.get(), old);
  if (::renameat(at(), part_.c_str(), at(), name_.c_str()) != 0)
    fail_system("replace", destination_, errno);
  ::unlinkat(at(), state_.c_str(), 0);
  fd_.close();
}

void PartialFile::discard() noexcept {
  ::unlinkat(at(), part_.c_str(), 0);
  ::unlinkat(at(), state_.c_str(), 0);
}

}  // namespace jetpack::storage
