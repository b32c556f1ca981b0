// config/run_on_shutdown.json: the scripts that root runs before this node is terminated.
#include "support/shutdown_scripts.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/trust.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

constexpr uint64_t max_scripts_file = 4 << 20;
constexpr size_t longest_shown = 200;
constexpr unsigned scripts_mode = 0644;

void require_private_directory(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) fail_on_file("look at", path, errno);
  if (info.st_uid != 0 && info.st_uid != ::geteuid())
    throw Error(Errc::denied, path + " belongs to user " + std::to_string(info.st_uid) +
                                  "; only its owner and root can register what is run");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(Errc::denied, path + " can be written by others than its owner (chmod go-w it)");
}

}  // namespace

std::vector<ShutdownScript> read_shutdown_scripts(const std::string& config_directory) {
  const std::string file = shutdown_scripts_file(config_directory);
  const auto text = read_private_file(file, max_scripts_file);
  std::vector<ShutdownScript> scripts;
  if (!text) return scripts;
  const auto document = parse_json(*text, file, JsonRules::strict);
  const auto* list = find_member(document, "scripts");
  if (list == nullptr || !list->IsArray())
    throw Error(Errc::corrupt, file + ": the list 'scripts' is missing");
  for (const auto& entry : list->GetArray()) {
    scripts.push_back({text_or(entry, "path", ""), text_or(entry, "registered", "")});
    if (!scripts.back().path.starts_with('/'))
      throw Error(Errc::corrupt, file + ": the path of a script is missing or not absolute");
  }
  return scripts;
}

void write_shutdown_scripts(const std::string& config_directory,
                            const std::vector<ShutdownScript>& scripts) {
  require_private_directory(config_directory);
  const std::string json = json_object([&](Object& object) {
    object.list("scripts", scripts, [](JsonWriter& writer, const ShutdownScript& script) {
      Object(writer).text("path", script.path).text("registered", script.registered);
    });
  });
  write_durably(shutdown_scripts_file(config_directory), json, scripts_mode);
}

std::string runnable_script(const std::string& path) {
  const std::string shown = one_line(path.substr(0, longest_shown));
  if (!path.starts_with('/')) throw Error(Errc::usage, "'" + shown + "' is not an absolute path");
  if (path.size() >= PATH_MAX || !is_utf8(path))
    throw Error(Errc::usage, "'" + shown + "' is not a valid path: it is too long or not UTF-8");
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) fail_on_file("find", one_line(path), errno);
  if (S_ISLNK(info.st_mode) && ::stat(path.c_str(), &info) != 0)
    throw Error(Errc::not_found, shown + " is a dangling link: " + system_message(errno));
  if (S_ISDIR(info.st_mode)) throw Error(Errc::failed, shown + " is a directory, not a script");
  std::string real = trusted_path(path);
  // Not faccessat with AT_EACCESS, a system call of Linux 5.8. A mount with noexec counts, too.
  if (::access(real.c_str(), X_OK) != 0)
    throw Error(Errc::failed,
                one_line(real) + " is not executable: " + system_message(errno) + " (chmod +x it)");
  return real;
}

}  // namespace jetpack::support
