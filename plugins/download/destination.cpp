// Maps blobs to files, by the rules that scripts rely on.
#include "download/destination.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>

#include <jetpack/error.hpp>
#include "support/files.hpp"
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
