// Files that root and the members of the run directory's group use together.
#include "services/session/shared_file.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::session {

namespace {

std::string group_name(gid_t id) {
  // Kept off the stack: a group may have thousands of members.
  std::vector<char> buffer(64 << 10);
  group entry{};
  group* found = nullptr;
  if (::getgrgid_r(id, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return entry.gr_name;
  return std::to_string(id);
}

struct Free {
  void operator()(char* text) const { std::free(text); }  // NOLINT(*-no-malloc): realpath's
};

// The run directory without symbolic links, which SQLite may not follow.
std::string resolve(const std::string& directory) {
  const std::unique_ptr<char, Free> resolved(::realpath(directory.c_str(), nullptr));
  if (resolved) return resolved.get();
  const int error = errno;
  throw Error(error == EACCES ? Errc::denied : Errc::unavailable,
              "cannot use the message queue in " + directory + ": " +
                  support::system_message(error) +
                  "; check JETPACK_HOME, and that the directory exists and may be entered");
}

// A file under a name of its own, which then gets its real one at once with mode and group.
class Draft {
 public:
  Draft(const std::string& directory, const std::string& path) : name_(path + ".XXXXXX") {
    fd_ = support::Fd(::mkostemp(name_.data(), O_CLOEXEC));
    if (!fd_) fail_create(directory, path, errno);
  }
  ~Draft() { ::unlink(name_.c_str()); }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  void share(gid_t group) const {
    // Whoever is not in the group keeps the file to himself and root.
    if (::fchown(fd_.get(), static_cast<uid_t>(-1), group) == 0) ::fchmod(fd_.get(), shared_mode);
  }
  // EEXIST: another process was faster. A file with two links, as for a moment where a file system
  // has no such renaming, looks like one that others have put there.
  int move_to(const std::string& path) const {
    if (::renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0 ||
        errno == EEXIST)
      return 0;
    return ::link(name_.c_str(), path.c_str()) == 0 || errno == EEXIST ? 0 : errno;
  }

 private:
  std::string name_;
  support::Fd fd_;
};

}  // namespace

void fail_create(const std::string& directory, const std::string& path, int error) {
  const std::string text = "cannot create " + path + ": " + support::system_message(error);
  struct stat info {};
  if (error == EACCES && ::stat(directory.c_str(), &info) == 0)
    throw Error(Errc::denied,
                text + "; run as root or as a member of the group " + group_name(info.st_gid));
  if (error == EROFS) throw Error(Errc::unavailable, text + "; mount the file system writable");
  struct statvfs file_system {};
  if (error == ENOSPC && ::statvfs(directory.c_str(), &file_system) == 0 &&
      file_system.f_files > 0 && file_system.f_favail == 0)
    throw Error(Errc::unavailable, text + "; no inodes are left, remove files");
  if (error == ENOSPC || error == EDQUOT)
    throw Error(Errc::unavailable, text + "; free disk space");
  throw Error(error == EACCES || error == EPERM ? Errc::denied : Errc::unavailable, text);
}

std::string shared_file(const std::string& directory, const std::string& name) {
  const std::string resolved = resolve(directory);
  std::string path = resolved + '/' + name;
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    if (S_ISREG(info.st_mode)) return path;
    throw Error(Errc::unavailable, "cannot use " + path + ": not a regular file; remove it");
  }
  if (::stat(resolved.c_str(), &info) != 0) fail_create(resolved, path, errno);
  const Draft draft(resolved, path);
  draft.share(info.st_gid);
  if (const int error = draft.move_to(path); error != 0) fail_create(resolved, path, error);
  return path;
}

}  // namespace jetpack::session
