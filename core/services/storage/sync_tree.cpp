// Builds a directory beside another one.
#include "services/storage/sync_tree.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include <jetpack/error.hpp>
#include "services/storage/md5.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/text.hpp"

namespace jetpack::storage {

namespace {

constexpr unsigned mode_of_all = 07777;
constexpr size_t piece_of_copy = 256 << 10;

[[noreturn]] void fail_tree(const std::string& doing, const std::string& path, int error) {
  const Errc code = error == EACCES || error == EPERM || error == EROFS ? Errc::denied
                    : error == ENOSPC || error == EDQUOT                ? Errc::unavailable
                                                                        : Errc::failed;
  throw Error(code, "cannot " + doing + ' ' + support::one_line(path) + ": " +
                        support::system_message(error));
}

// Hands the file to `take`, piece by piece; returns 0 or an errno, which `take` may return too.
template <class Take>
int read_pieces(int fd, Take take) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(piece_of_copy);
  for (;;) {
    const ssize_t got = ::read(fd, buffer.get(), piece_of_copy);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? errno : 0;
    if (const int error = take(std::string_view(buffer.get(), static_cast<size_t>(got)));
        error != 0)
      return error;
  }
}

// The content, mode, owner and times of a regular file.
int copy_file(const std::string& from, const std::string& to) {
  const support::Fd in(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!in || ::fstat(in.get(), &info) != 0) return errno;
  if (!S_ISREG(info.st_mode)) return EPERM;
  const support::Fd out(
      ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!out) return errno;
  const int error = read_pieces(
      in.get(), [&](std::string_view data) { return support::write_all(out.get(), data); });
  if (error != 0) return error;
  if (::fchown(out.get(), info.st_uid, info.st_gid) == 0 || info.st_uid == ::geteuid())
    ::fchmod(out.get(), info.st_mode & mode_of_all);
  const timespec times[] = {info.st_atim, info.st_mtim};
  ::futimens(out.get(), times);
  return 0;
}

bool lacks_links(int error) {
  return error == EPERM || error == EMLINK || error == EOPNOTSUPP || error == ENOSYS;
}

// Returns 0 or an errno: EEXIST when something is there.
int link_or_copy(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return 0;
  const int error = errno;
  return lacks_links(error) ? copy_file(from, to) : error;
}

}  // namespace

NewTree::NewTree(std::string tree, std::string old) : tree_(std::move(tree)), old_(std::move(old)) {
  struct stat info {};
  if (::lstat(tree_.c_str(), &info) == 0) device_ = info.st_dev;
}

void NewTree::add_directory(const std::string& name) {
  if (made_.contains(name)) return;
  if (const size_t slash = name.rfind('/'); slash != std::string::npos)
    add_directory(name.substr(0, slash));
  const std::string path = name.empty() ? tree_ : tree_ + '/' + name;
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
    fail_tree("create directory", path, errno);
  struct stat old {};
  const std::string before = name.empty() ? old_ : old_ + '/' + name;
  if (::lstat(before.c_str(), &old) == 0 && S_ISDIR(old.st_mode)) {
    if (::lchown(path.c_str(), old.st_uid, old.st_gid) == 0 || old.st_uid == ::geteuid())
      ::chmod(path.c_str(), old.st_mode & mode_of_all);
  }
  made_.insert(name);
}

void NewTree::add_file(const std::string& name, const std::string& path, bool like_old) {
  const size_t slash = name.rfind('/');
  add_directory(slash == std::string::npos ? "" : name.substr(0, slash));
  const std::string to = tree_ + '/' + name;
  if (const int error = link_or_copy(path, to); error != 0) fail_tree("create", to, error);
  struct stat old {};
  const std::string before = old_ + '/' + name;
  if (!like_old || ::lstat(before.c_str(), &old) != 0 || !S_ISREG(old.st_mode)) return;
  if (old.st_uid != 0 && old.st_uid != ::geteuid()) return;
  if (::lchown(to.c_str(), old.st_uid, old.st_gid) == 0 || old.st_uid == ::geteuid())
    ::chmod(to.c_str(), old.st_mode & mode_of_all);
}

void NewTree::carry(const std::string& below,
                    const std::function<bool(const std::string&)>& is_dropped,
                    const std::set<std::string>& own_directories) {
  namespace fs = std::filesystem;
  std::error_code failure;
  for (fs::directory_iterator at(old_ + '/' + below, failure), end; at != end;
       at.increment(failure)) {
    const std::string path = at->path().string();
    const std::string name = below + at->path().filename().string();
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) continue;
    if (info.st_dev != device_)
      throw Error(Errc::failed, "cannot replace " + support::one_line(old_) + ": " +
                                    support::one_line(path) + " is a mount point; unmount it");
    struct stat there {};
    const bool is_there = ::lstat((tree_ + '/' + name).c_str(), &there) == 0;
    if (S_ISDIR(info.st_mode)) {
      if (is_there && !S_ISDIR(there.st_mode)) continue;
      if (!own_directories.contains(name)) add_directory(name);
      carry(name + '/', is_dropped, own_directories);
      continue;
    }
    if (is_there || is_dropped(name)) continue;
    add_directory(below.empty() ? "" : below.substr(0, below.size() - 1));
    if (const int error = link_or_copy(path, tree_ + '/' + name); error != 0 && error != EEXIST)
      fail_tree("keep", path, error);
  }
  if (failure) fail_tree("read directory", old_ + '/' + below, failure.value());
}

void NewTree::carry_over(const std::function<bool(const std::string&)>& is_dropped,
                         const std::set<std::string>& own_directories) {
  struct stat info {};
  if (::lstat(old_.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    carry("", is_dropped, own_directories);
}

void exchange(const std::string& tree, const std::string& directory, const std::string& aside) {
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0) {
    if (::rename(tree.c_str(), directory.c_str()) != 0) fail_tree("create", directory, errno);
    return;
  }
  // RENAME_EXCHANGE, which not every file system and not every seccomp profile has.
  constexpr unsigned both = 2;
  if (::syscall(SYS_renameat2, AT_FDCWD, tree.c_str(), AT_FDCWD, directory.c_str(), both) == 0)
    return;
  if (errno != ENOSYS && errno != EINVAL && errno != EPERM) fail_tree("replace", directory, errno);
  if (::rename(directory.c_str(), aside.c_str()) != 0) fail_tree("replace", directory, errno);
  if (::rename(tree.c_str(), directory.c_str()) != 0) {
    const int error = errno;
    [[maybe_unused]] const int status = ::rename(aside.c_str(), directory.c_str());
    fail_tree("replace", directory, error);
  }
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

int64_t modified_of(const struct stat& file) {
  return int64_t{file.st_mtim.tv_sec} * 1'000'000'000 + file.st_mtim.tv_nsec;
}

std::string md5_of_file(const std::string& path) {
  const support::Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return file ? md5_of_file(file.get()) : "";
}

std::string md5_of_file(int fd) {
  Md5 md5;
  const int error = read_pieces(fd, [&](std::string_view data) {
    md5.update(data);
    return 0;
  });
  return error == 0 ? support::hex(md5.finish()) : "";
}

}  // namespace jetpack::storage
