// config/node.json: the whole configuration in one file, for those who read the file and not the
// command.
#include "support/node_json.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "support/file_lock.hpp"
#include "support/files.hpp"

namespace jetpack::support {

bool write_node_json(const Config& config) {
  if (::access(config.path("config/facts.json").c_str(), F_OK) != 0) return false;
  // Members of the group can read the file, but not hold its lock.
  const auto lock = FileLock::wait(config.path("config/.node.lock"), 0600);
  constexpr unsigned mode = 0640;
  const std::string path = config.path("config/node.json");
  // A file from elsewhere may be readable for all, and now it gets this node's password.
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 07777 & ~mode) != 0)
    ::chmod(path.c_str(), info.st_mode & mode);
  return write_if_changed(path, config.require("", Format::json_pretty) + '\n', mode);
}

}  // namespace jetpack::support
