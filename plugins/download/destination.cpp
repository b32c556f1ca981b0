// Maps blobs to files, by the rules that scripts rely on.
#include "download/destination.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>

#include <jetpack/error.hpp>
#include "support/open_below.hpp"
#include "support/text.hpp"

namespace jetpack::download {

namespace fs = std::filesystem;
using jetpack::Errc;
using jetpack::Error;

namespace {

[[noreturn]] void cannot_write(const std::string& path, const std::string& why) {
  throw Error(Errc::failed, "cannot write " + support::one_line(path) + ": " + why);
}

// The target of a link, for error messages.
std::string target_of(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size < 0 ? "?" : support::one_line({target.data(), static_cast<size_t>(size)});
}

void check_parent(const std::string& path) {
  std::string directory = fs::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) {
    const int error = errno;
    cannot_write(
        path,
        support::one_line(directory) + ": " + support::system_message(error) +
            (error == ENOENT ? "\nCreate it first, or end DEST with '/' to have it created." : ""));
  }
  if (!S_ISDIR(info.st_mode))
    cannot_write(path, support::one_line(directory) + " is not a directory");
}

// What fs.protected_symlinks says: in a directory that all can write to, a link is followed if it is
// the caller's own or the directory's owner's.
bool may_follow(const struct stat& link, const std::string& directory) {
  struct stat parent {};
  if (::stat(directory.c_str(), &parent) != 0) return false;
  constexpr unsigned shared = S_ISVTX | S_IWOTH;
  return (parent.st_mode & shared) != shared || link.st_uid == ::geteuid() ||
         link.st_uid == parent.st_uid;
}

}  // namespace

std::string_view base_name(std::string_view blob) { return blob.substr(blob.rfind('/') + 1); }

bool is_safe_name(std::string_view name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), is_control)) return false;
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find('/', at), name.size());
    const std::string_view segment = name.substr(at, end - at);
    if (segment.empty() || segment == "." || segment == "..") return false;
    at = end + 1;
  }
  return true;
}

bool names_directory(const std::string& path) {
  std::error_code ignored;
  return path.ends_with('/') || fs::is_directory(path, ignored);
}

std::string path_for(std::string_view name, const std::optional<std::string>& destination) {
  if (!destination) return std::string(name);
  if (!names_directory(*destination)) return *destination;
  create_directories(*destination);
  return destination->ends_with('/') ? *destination + std::string(name)
                                     : *destination + "/" + std::string(name);
}

void create_directories(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error && !fs::is_directory(directory))
    throw Error(Errc::failed,
                "cannot create directory " + support::one_line(directory) + ": " + error.message());
}

std::string follow_link(const std::string& path) {
  constexpr int most_links = 40;
  std::string at = path;
  for (int followed = 0; followed < most_links; ++followed) {
    struct stat info {};
    if (::lstat(at.c_str(), &info) != 0 || !S_ISLNK(info.st_mode)) return at;
    const std::string directory = support::parent_directory(at);
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlink(at.c_str(), target.data(), target.size());
    if (size < 0 || !may_follow(info, directory))
      cannot_write(path, "is a symbolic link of another user to " + target_of(at) +
                             "\nSpecify the target of the link, or remove the link.");
    at = target[0] == '/' ? "" : directory + '/';
    at.append(target.data(), static_cast<size_t>(size));
  }
  cannot_write(path, support::system_message(ELOOP));
}

bool is_standard_output(const std::string& path) { return path == "-" || path == "/dev/stdout"; }

bool is_device(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode));
}

void create_directory_below(const std::string& root, const std::string& below) {
  const support::Fd top(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (top) {
    const support::Fd there = support::open_below(top.get(), below, O_PATH, support::Links::none);
    struct stat info {};
    if (there && ::fstat(there.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0 &&
        info.st_uid == ::geteuid())
      ::unlinkat(top.get(), below.c_str(), 0);
  }
  const support::Fd directory =
      top ? support::create_directories_below(top.get(), below) : support::Fd();
  if (directory) return;
  const int error = errno;
  throw Error(Errc::failed, "cannot create directory " + support::one_line(root + '/' + below) +
                                ": " + support::system_message(error) +
                                (error == ELOOP || error == ENOTDIR
                                     ? "\nA symbolic link or a file is in its place, which "
                                       "--recursive neither follows nor replaces; remove it."
                                     : ""));
}

Spool::Spool() : directory_(support::temporary_directory() + "/jetpack-XXXXXX") {
  if (::mkdtemp(directory_.data()) == nullptr)
    cannot_write(directory_, support::system_message(errno) +
                                 "\nSet TMPDIR to a directory with room for the blob.");
}

Spool::~Spool() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void Spool::read(const std::function<void(std::string_view)>& take) const {
  constexpr size_t piece = 1 << 20;
  const support::Fd file = support::open_file(path());
  std::string buffer(piece, '\0');
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(Errc::failed, "cannot read " + path() + ": " + support::system_message(errno));
    if (got == 0) return;
    take(std::string_view(buffer).substr(0, static_cast<size_t>(got)));
  }
}

void check_writable(const std::string& path) {
  check_parent(path);
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return;
    cannot_write(path, support::system_message(errno));
  }
  if (S_ISDIR(info.st_mode)) cannot_write(path, "is a directory");
  if (S_ISLNK(info.st_mode))
    cannot_write(path, "is a symbolic link to " + target_of(path) +
                           "\nSpecify the target of the link, or remove the link.");
  if (!S_ISREG(info.st_mode)) cannot_write(path, "exists and is not a regular file");
}

}  // namespace jetpack::download
