// Writes the public keys of managed users to their authorized_keys files, which sshd reads.
#include "jetpackd/authorized_keys.hpp"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;
using support::Fd;

constexpr std::string_view first_line = "# jetpack: managed keys, replaced by jetpackd\n";
constexpr std::string_view last_line = "# jetpack: end of managed keys\n";
constexpr uint64_t max_keys_file = 1 << 20;
// What sshd_config(5) reads by default, and where a revoked user's own lines are kept meanwhile.
struct KeysFile {
  const char* name;
  const char* aside;
};
constexpr KeysFile managed_file{"authorized_keys", "authorized_keys.revoked"};
constexpr KeysFile other_file{"authorized_keys2", "authorized_keys2.revoked"};

// While it exists, the calling thread accesses files with the rights of another account.
class FileRights {
 public:
  explicit FileRights(const Account& account) {
    ::setfsgid(account.gid);
    ::setfsuid(account.uid);
    // Neither call reports failure, but each returns the previous value.
    if (static_cast<uint32_t>(::setfsuid(static_cast<uid_t>(-1))) == account.uid &&
        static_cast<uint32_t>(::setfsgid(static_cast<gid_t>(-1))) == account.gid)
      return;
    restore();
    throw Error(Errc::denied, "cannot switch to user '" + account.name + "'");
  }
  ~FileRights() { restore(); }
  FileRights(const FileRights&) = delete;
  FileRights& operator=(const FileRights&) = delete;

 private:
  static void restore() {
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
  }
};

[[noreturn]] void fail(const std::string& doing, const std::string& path) {
  throw Error(Errc::failed, "cannot " + doing + ' ' + path + ": " + support::system_message(errno));
}

Fd open_directory(int parent, const char* name, const std::string& path) {
  Fd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) fail("open", path);
  return fd;
}

std::string read_keys(int directory, const char* name, const std::string& path) {
  const Fd fd(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return "";
  if (!fd) fail("read", path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
    throw Error(Errc::corrupt, "cannot read " + path + ": not a regular file");
  if (auto content = support::read_bounded(fd.get(), max_keys_file, path))
    return *std::move(content);
  throw Error(Errc::corrupt, "cannot read " + path + ": too large, the limit is " +
                                 std::to_string(max_keys_file) + " bytes");
}

void write_keys(int directory, const char* name, const std::string& content,
                const std::string& path) {
  constexpr const char* draft = ".authorized_keys.jetpack";
  ::unlinkat(directory, draft, 0);
  const Fd fd(
      ::openat(directory, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) fail("write", path);
  if (::fchmod(fd.get(), 0600) != 0) fail("write", path);
  const int error = support::write_all(fd.get(), content);
  if (error != 0 || ::fsync(fd.get()) != 0) {
    if (error != 0) errno = error;
    ::unlinkat(directory, draft, 0);
    fail("write", path);
  }
  if (::renameat(directory, draft, directory, name) != 0) fail("replace", path);
  if (::fsync(directory) != 0) fail("write", path);
}

Fd open_home(const std::string& home, const Account& account) {
  Fd fd = open_directory(AT_FDCWD, home.c_str(), home);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) fail("examine", home);
  if (info.st_uid != account.uid)
    throw Error(Errc::denied, "cannot change the keys in " + home + ": it belongs to uid " +
                                  std::to_string(info.st_uid) + ", not to '" + account.name + "'");
  return fd;
}

bool exists(int directory, const char* name) {
  struct stat info {};
  return ::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

void move_aside(int directory, const KeysFile& file, const std::string& home) {
  const std::string path = home + "/.ssh/" + file.name;
  if (!exists(directory, file.name)) return;
  const std::string own = with_keys(read_keys(directory, file.name, path), {});
  // An earlier one is kept: the file may have been written again since.
  if (!own.empty())
    write_keys(directory, file.aside, read_keys(directory, file.aside, path) + own, path);
  if (::unlinkat(directory, file.name, 0) != 0) fail("remove", path);
  if (::fsync(directory) != 0) fail("write", path);
}

void bring_back(int directory, const KeysFile& file, const std::string& home) {
  if (!exists(directory, file.aside) || exists(directory, file.name)) return;
  if (::renameat(directory, file.aside, directory, file.name) != 0)
    fail("restore", home + "/.ssh/" + file.name);
}

}  // namespace

std::string with_keys(std::string_view content, const std::vector<std::string>& keys) {
  std::string result(content);
  const size_t start = result.find(first_line);
  const size_t end = start == std::string::npos ? start : result.find(last_line, start);
  if (end != std::string::npos) result.erase(start, end + last_line.size() - start);
  if (keys.empty()) return result;
  if (!result.empty() && !result.ends_with('\n')) result += '\n';
  result += first_line;
  for (const auto& key : keys) result += key + '\n';
  return result += last_line;
}

void install_keys(const std::string& home, const Account& account,
                  const std::vector<std::string>& keys) {
  const Fd home_fd = open_home(home, account);
  const FileRights rights(account);
  const std::string directory = home + "/.ssh";
  if (::mkdirat(home_fd.get(), ".ssh", 0700) != 0 && errno != EEXIST) fail("create", directory);
  const Fd ssh = open_directory(home_fd.get(), ".ssh", directory);
  for (const auto& file : {managed_file, other_file}) bring_back(ssh.get(), file, home);
  const std::string path = directory + '/' + managed_file.name;
  const std::string before = read_keys(ssh.get(), managed_file.name, path);
  const std::string after = with_keys(before, keys);
  if (after != before) write_keys(ssh.get(), managed_file.name, after, path);
}

void revoke_keys(const std::string& home, const Account& account) {
  struct stat info {};
  if (::lstat(home.c_str(), &info) != 0 && errno == ENOENT) return;
  const Fd home_fd = open_home(home, account);
  const FileRights rights(account);
  if (!exists(home_fd.get(), ".ssh")) return;
  const Fd ssh = open_directory(home_fd.get(), ".ssh", home + "/.ssh");
  for (const auto& file : {managed_file, other_file}) move_aside(ssh.get(), file, home);
}

}  // namespace jetpack::jetpackd
