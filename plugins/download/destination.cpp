// See destination.hpp.
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

// What a link leads to, for the error alone.
std::string target_of(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size < 0 ? "?" : support::one_line({target.data(), static_cast<size_t>(size)});
}

void check_folder(const std::string& path) {
  std::string folder = fs::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) {
    const int error = errno;
    cannot_write(path,
                 "folder " + support::one_line(folder) + ": " + support::system_message(error) +
                     (error == ENOENT ? "\nMake it, or let the destination end in '/' to have "
                                        "it made."
                                      : ""));
  }
  if (!S_ISDIR(info.st_mode)) cannot_write(path, support::one_line(folder) + " is not a folder");
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

bool means_folder(const std::string& path) {
  std::error_code ignored;
  return path.ends_with('/') || fs::is_directory(path, ignored);
}

std::string place_of(std::string_view name, const std::optional<std::string>& destination) {
  if (!destination) return std::string(name);
  if (!means_folder(*destination)) return *destination;
  make_folders(*destination);
  return destination->ends_with('/') ? *destination + std::string(name)
                                     : *destination + "/" + std::string(name);
}

void make_folders(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error && !fs::is_directory(folder))
    throw Error(Errc::failed,
                "cannot make the folder " + support::one_line(folder) + ": " + error.message());
}

void check_place(const std::string& path) {
  check_folder(path);
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return;
    cannot_write(path, support::system_message(errno));
  }
  if (S_ISDIR(info.st_mode)) cannot_write(path, "it is a folder");
  if (S_ISLNK(info.st_mode))
    cannot_write(path, "it is a link, to " + target_of(path) +
                           "\nGive the file that it leads to, or remove the link.");
  if (!S_ISREG(info.st_mode)) cannot_write(path, "it is there and is not a regular file");
}

}  // namespace jetpack::download
