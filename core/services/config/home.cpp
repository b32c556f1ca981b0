// The home tree: config, logs, run, scripts, system.
#include "services/config/home.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/program.hpp"

namespace jetpack {

namespace {

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string absolute(std::string path) {
  if (!path.empty() && path[0] == '/') return path;
  std::array<char, PATH_MAX> buffer{};
  if (::getcwd(buffer.data(), buffer.size()) == nullptr) return path;
  return std::string(buffer.data()) + '/' + path;
}

std::string parent(const std::string& path) {
  return path.substr(0, std::max<size_t>(path.rfind('/'), 1));
}

}  // namespace

std::string installation_prefix() {
  const std::string program = support::program_path();
  return program.empty() ? "/" : parent(parent(program));
}

Home Home::find() {
  for (const char* name : {"JETPACK_HOME", "CYCLECLOUD_HOME"}) {
    const char* value = ::secure_getenv(name);
    if (value != nullptr && *value != '\0') return Home(value, name);
  }
  const std::string tree = installation_prefix();
  if (is_directory(tree + "/config")) return Home(tree, "where jetpack is installed");
  return Home("/opt/cycle/jetpack", "the default");
}

Home::Home(std::string root, std::string reason)
    : root_(absolute(std::move(root))), reason_(std::move(reason)) {
  while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
}

std::string Home::path(std::string_view name) const {
  const std::string padded = '/' + std::string(name) + '/';
  if ((!name.empty() && name[0] == '/') || padded.find("/../") != std::string::npos)
    throw Error(Errc::usage, "'" + std::string(name) + "' is not a path below the home tree");
  return name.empty() ? root_ : root_ + '/' + std::string(name);
}

void Home::check() const {
  struct stat info {};
  const std::string chosen = " (" + reason_ + ")";
  if (::stat(root_.c_str(), &info) != 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    throw Error(missing ? Errc::unavailable : Errc::denied,
                "cannot enter the home tree " + root_ + chosen + ": " +
                    support::system_message(errno) +
                    (missing ? "; install jetpack there or set JETPACK_HOME" : ""));
  }
  if (!S_ISDIR(info.st_mode))
    throw Error(Errc::failed, "the home tree " + root_ + chosen + " is not a directory");
  if (::access(root_.c_str(), X_OK) != 0)
    throw Error(Errc::denied, "cannot enter the home tree " + root_ + chosen + ": " +
                                  support::system_message(errno) +
                                  "; run as root or as a member of its group (cyclecloud)");
}

}  // namespace jetpack
