// Creates home directories that useradd could not create, or did not finish.
#include "jetpackd/homes.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <jetpack/error.hpp>
#include "support/copy_tree.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"

namespace jetpack::jetpackd {

namespace {

namespace fs = std::filesystem;

// A home under a name of its own, which nobody else can enter until it is complete.
class Draft {
 public:
  explicit Draft(const std::string& home) : home_(home), name_(home + ".XXXXXX") {
    if (::mkdtemp(name_.data()) == nullptr)
      support::fail_on_file("create", std::exchange(name_, {}), errno);
  }
  ~Draft() {
    std::error_code ignored;
    if (!name_.empty()) fs::remove_all(name_, ignored);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  void fill(const std::string& skeleton) {
    std::error_code failure;
    if (!fs::is_directory(skeleton, failure)) return;
    support::copy_tree(skeleton, name_, support::SymbolicLinks::copy);
  }

  void give_to(const Account& account) {
    std::error_code failure;
    for (const auto& entry : fs::recursive_directory_iterator(name_, failure))
      give(entry.path(), account);
    give(name_, account);
  }

  void place() {
    // It replaces an empty directory. Another node may have been faster where all share the homes.
    if (::rename(name_.c_str(), home_.c_str()) == 0) {
      name_.clear();
    } else if (errno != EEXIST && errno != ENOTEMPTY) {
      support::fail_on_file("create", home_, errno);
    }
  }

 private:
  static void give(const std::string& path, const Account& account) {
    if (::lchown(path.c_str(), account.uid, account.gid) != 0)
      support::fail_on_file("set the owner of", path, errno);
  }

  const std::string& home_;
  std::string name_;
};

}  // namespace

void ensure_home(const std::string& home, const Account& account, const std::string& skeleton) {
  struct stat info {};
  std::error_code ignored;
  if (::lstat(home.c_str(), &info) == 0) {
    const bool is_unfinished = S_ISDIR(info.st_mode) && info.st_uid == 0 && account.uid != 0 &&
                               home.ends_with('/' + account.name) && fs::is_empty(home, ignored);
    if (!is_unfinished) return;
  } else if (errno != ENOENT) {
    support::fail_on_file("look at", home, errno);
  }
  Draft draft(home);
  draft.fill(skeleton);
  draft.give_to(account);
  draft.place();
}

}  // namespace jetpack::jetpackd
