// Writes the public keys of managed users to their authorized_keys files, which sshd reads.
#include "jetpackd/authorized_keys.hpp"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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
constexpr size_t max_key = 16 << 10;

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

std::string read_keys(int directory, const std::string& path) {
  const Fd fd(
      ::openat(directory, "authorized_keys", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
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

void write_keys(int directory, const std::string& content, const std::string& path) {
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
  if (::renameat(directory, draft, directory, "authorized_keys") != 0) fail("replace", path);
}

}  // namespace

bool is_public_key(std::string_view text) {
  const bool is_one_line = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (!is_one_line || text.size() > max_key) return false;
  const bool has_type = text.starts_with("ssh-") || text.starts_with("ecdsa-sha2-") ||
                        text.starts_with("sk-ssh-") || text.starts_with("sk-ecdsa-");
  const size_t blank = text.find(' ');
  return has_type && blank != std::string_view::npos && text.substr(blank + 1).starts_with("AAAA");
}

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
  const Fd home_fd = open_directory(AT_FDCWD, home.c_str(), home);
  struct stat info {};
  if (::fstat(home_fd.get(), &info) != 0) fail("examine", home);
  if (info.st_uid != account.uid)
    throw Error(Errc::denied, "cannot install keys in " + home + ": it belongs to uid " +
                                  std::to_string(info.st_uid) + ", not to '" + account.name + "'");
  const FileRights rights(account);
  const std::string directory = home + "/.ssh";
  if (::mkdirat(home_fd.get(), ".ssh", 0700) != 0 && errno != EEXIST) fail("create", directory);
  const Fd ssh = open_directory(home_fd.get(), ".ssh", directory);
  const std::string path = directory + "/authorized_keys";
  const std::string before = read_keys(ssh.get(), path);
  const std::string after = with_keys(before, keys);
  if (after == before) return;
  write_keys(ssh.get(), after, path);
  if (::fsync(ssh.get()) != 0) fail("write", path);
}

}  // namespace jetpack::jetpackd
