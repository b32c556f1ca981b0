// Whether a file may be loaded as code: who could have written it.
#include "support/trust.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/program.hpp"

namespace jetpack::support {

namespace {

uid_t program_owner() {
  struct stat info {};
  return ::stat(program_path().c_str(), &info) == 0 ? info.st_uid : 0;
}

struct CloseFile {
  void operator()(FILE* file) const noexcept { std::fclose(file); }
};

// Whether another account of this system has the group as its primary one.
bool is_primary_of_another(gid_t group, std::string_view user) {
  const std::unique_ptr<FILE, CloseFile> accounts(std::fopen("/etc/passwd", "re"));
  if (!accounts) return true;
  std::vector<char> buffer(64 << 10);
  passwd entry{};
  passwd* found = nullptr;
  while (::fgetpwent_r(accounts.get(), &entry, buffer.data(), buffer.size(), &found) == 0)
    if (entry.pw_gid == group && entry.pw_name != user) return true;
  return false;
}

// Whether the group is the effective user's own, so that writing by it is writing by the user.
bool is_own_group(gid_t group) {
  if (::geteuid() == 0) return false;
  // Kept off the stack: a group may have thousands of members.
  std::vector<char> of_user(64 << 10), of_group(64 << 10);
  passwd user{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &user, of_user.data(), of_user.size(), &found) != 0 ||
      found == nullptr || user.pw_gid != group)
    return false;
  const std::string_view name = user.pw_name;
  struct group entry {};
  struct group* found_group = nullptr;
  if (::getgrgid_r(group, &entry, of_group.data(), of_group.size(), &found_group) != 0 ||
      found_group == nullptr || entry.gr_name != name)
    return false;
  for (char** member = entry.gr_mem; *member != nullptr; ++member)
    if (*member != name) return false;
  return !is_primary_of_another(group, name);
}

// Where there is an access control list, the group's bits are those of all whom it names.
bool has_access_list(const std::string& path) {
  const ssize_t size = ::lgetxattr(path.c_str(), "system.posix_acl_access", nullptr, 0);
  return size > 0 || (size < 0 && errno != ENODATA && errno != ENOTSUP && errno != ENOSYS);
}

bool others_can_write(const std::string& path, const struct stat& info) {
  if ((info.st_mode & S_IWOTH) != 0) return true;
  if ((info.st_mode & S_IWGRP) == 0) return false;
  return !is_own_group(info.st_gid) || has_access_list(path);
}

[[noreturn]] void refuse(const std::string& why) { throw Error(Errc::denied, why); }

void judge(const std::string& path, const struct stat& info, bool is_file) {
  if (is_file ? !S_ISREG(info.st_mode) : !S_ISDIR(info.st_mode))
    refuse(path + (is_file ? " is not a regular file" : " is not a directory"));
  if (info.st_uid != 0 && info.st_uid != ::geteuid() && info.st_uid != program_owner())
    refuse(path + " belongs to user " + std::to_string(info.st_uid) +
           "; it must belong to root or to you (chown it)");
  const bool is_sticky_directory = !is_file && (info.st_mode & S_ISVTX) != 0;
  if (!is_sticky_directory && others_can_write(path, info))
    refuse(path + " can be written by others than its owner (chmod go-w it)");
}

struct stat look_at(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) fail_on_file("look at", path, errno);
  return info;
}

std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> buffer{};
  if (::realpath(path.c_str(), buffer.data()) == nullptr) fail_on_file("find", path, errno);
  return buffer.data();
}

// A path without symbolic links, and what is on it, from the root to itself.
class JudgedPath {
 public:
  // Throws when it leads nowhere. Most paths have no link: realpath(3) would look at each part of one,
  // to be asked for what each is afterwards.
  explicit JudgedPath(const std::string& path) : path_(path) {
    if (look()) return;
    path_ = real_path(path);
    if (!look()) refuse(path_ + " was replaced while it was looked at; try again");
  }

  const std::string& path() const { return path_; }
  void judge_file() const { judge(path_, parts_.back().info, true); }
  void judge_directory() const { judge(path_, parts_.back().info, false); }
  void judge_directories_above() const {
    for (size_t i = parts_.size() - 1; i-- > 0;)
      judge(path_.substr(0, parts_[i].size), parts_[i].info, false);
  }

 private:
  struct Part {
    size_t size;  // of its path
    struct stat info;
  };

  // Whether the path is as realpath(3) would give it.
  bool look() {
    parts_.clear();
    const std::string closed = path_ + '/';
    if (!path_.starts_with('/') || (path_ != "/" && path_.ends_with('/'))) return false;
    for (const std::string_view unusual : {"//", "/./", "/../"})
      if (path_ != "/" && closed.find(unusual) != std::string::npos) return false;
    for (size_t size = 1;; size = std::min(path_.find('/', size + 1), path_.size())) {
      Part& part = parts_.emplace_back(Part{size, {}});
      if (::lstat(path_.substr(0, size).c_str(), &part.info) != 0 || S_ISLNK(part.info.st_mode))
        return false;
      if (size == path_.size()) return true;
    }
  }

  std::string path_;
  std::vector<Part> parts_;
};

// Whether a default access control list lets others write what is created in the directory: they
// could open a new file before it is given its mode. The form is that of
// linux/posix_acl_xattr.h.
bool lets_others_write_new_files(const std::string& directory) {
  struct Entry {
    uint16_t tag, permissions;
    uint32_t id;
  };
  constexpr uint16_t tag_user = 0x02, tag_group = 0x08, tag_mask = 0x10, tag_other = 0x20;
  constexpr uint16_t may_write = 2;
  constexpr size_t most_entries = 512;
  std::array<char, sizeof(uint32_t) + most_entries * sizeof(Entry)> list;
  const ssize_t size =
      ::lgetxattr(directory.c_str(), "system.posix_acl_default", list.data(), list.size());
  if (size < 0) return errno == ERANGE;
  uint16_t mask = may_write;
  bool named = false, other = false;
  for (size_t at = sizeof(uint32_t); at + sizeof(Entry) <= static_cast<size_t>(size);
       at += sizeof(Entry)) {
    Entry entry{};
    std::memcpy(&entry, list.data() + at, sizeof entry);
    if (entry.tag == tag_mask) mask = entry.permissions & may_write;
    if ((entry.permissions & may_write) == 0) continue;
    named = named || entry.tag == tag_group ||
            (entry.tag == tag_user && entry.id != 0 && entry.id != ::geteuid());
    other = other || entry.tag == tag_other;
  }
  return other || (named && mask != 0);
}

}  // namespace

std::string trusted_path(const std::string& path) {
  const JudgedPath judged(path);
  judged.judge_file();
  judged.judge_directories_above();
  return judged.path();
}

std::string trusted_path(const std::string& path, const std::string& beside) {
  if (parent_directory(path) != parent_directory(beside)) return trusted_path(path);
  const struct stat info = look_at(path);
  if (S_ISLNK(info.st_mode)) return trusted_path(path);
  judge(path, info, true);
  return path;
}

namespace {

// nullopt when it is a symbolic link.
std::optional<TrustedFile> open_unless_link(const std::string& path) {
  TrustedFile file;
  file.path = path;
  file.fd = Fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.fd && errno == ELOOP) return std::nullopt;
  struct stat info {};
  if (!file.fd || ::fstat(file.fd.get(), &info) != 0) fail_on_file("open", file.path, errno);
  judge(file.path, info, true);
  file.size = static_cast<uint64_t>(info.st_size);
  return file;
}

TrustedFile open_and_judge(const std::string& path) {
  auto file = open_unless_link(path);
  if (!file) refuse(path + " is a symbolic link");
  return *std::move(file);
}

void judge_default_list(const std::string& directory) {
  if (lets_others_write_new_files(directory))
    refuse(directory +
           " has a default access control list that lets others write new files (setfacl -k it)");
}

}  // namespace

// Each directory is judged before what is in it is opened: from then on nobody else can change what
// is there.
TrustedFile open_trusted(const std::string& path) {
  const JudgedPath judged(path);
  judged.judge_directories_above();
  judge_default_list(parent_directory(judged.path()));
  return open_and_judge(judged.path());
}

TrustedFile open_trusted(const std::string& path, const TrustedFile& beside) {
  if (parent_directory(path) == parent_directory(beside.path))
    if (auto file = open_unless_link(path)) return *std::move(file);
  return open_trusted(path);
}

TrustedTree::TrustedTree(const std::string& directory) {
  const JudgedPath judged(directory);
  judged.judge_directory();
  judged.judge_directories_above();
  path_ = judged.path();
}

void TrustedTree::judge_directory(const std::string& name) {
  for (size_t slash = name.find('/');; slash = name.find('/', slash + 1)) {
    const std::string part = name.substr(0, slash);
    if (std::find(judged_.begin(), judged_.end(), part) == judged_.end()) {
      const std::string directory = path_ + '/' + part;
      judge(directory, look_at(directory), false);
      // It counts for the files in the directory; those below would show what they have inherited.
      if (slash == std::string::npos) judge_default_list(directory);
      judged_.push_back(part);
    }
    if (slash == std::string::npos) return;
  }
}

TrustedFile TrustedTree::open(const std::string& name) {
  if (('/' + name + '/').find("/../") != std::string::npos)
    refuse("'" + name + "' is not a path inside " + path_);
  if (const size_t slash = name.rfind('/'); slash != std::string::npos)
    judge_directory(name.substr(0, slash));
  return open_and_judge(path_ + '/' + name);
}

}  // namespace jetpack::support
