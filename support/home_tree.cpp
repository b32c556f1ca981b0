// Creates the directories of a home tree, with the owner, group and modes that they need.
#include "support/home_tree.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <vector>

#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/home_files.hpp"

namespace jetpack::support {

namespace {

// The mode that the kernel gave it lacks what the umask took, and the set-group-ID bit.
void create_directory(const std::string& path, mode_t mode, const std::optional<gid_t>& group) {
  if (::mkdir(path.c_str(), mode & 0755) != 0) {
    if (errno == EEXIST) return;
    fail_on_file("create", path, errno);
  }
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) fail_on_file("open", path, errno);
  if (group && ::fchown(fd.get(), 0, *group) != 0) fail_on_file("change the group of", path, errno);
  if (::fchmod(fd.get(), mode) != 0) fail_on_file("change the mode of", path, errno);
}

bool is_one_of_the_home(const HomeFile& file) {
  const std::string_view path = file.path;
  return file.is_directory() && !path.starts_with('/') &&
         path.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
}

}  // namespace

std::optional<gid_t> home_group_id() {
  std::vector<char> buffer(64 << 10);
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(home_group, &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr)
    return std::nullopt;
  return found->gr_gid;
}

void create_home_tree(const std::string& root) {
  const auto group = ::geteuid() == 0 ? home_group_id() : std::nullopt;
  create_directories(parent_directory(root), 0755);
  for (const auto& file : home_files())
    if (is_one_of_the_home(file))
      create_directory(*file.path == '\0' ? root : root + '/' + file.path, file.mode, group);
}

}  // namespace jetpack::support
