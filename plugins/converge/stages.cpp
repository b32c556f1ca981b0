// Finds the scripts of the specs.
#include "converge/stages.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "support/file_errors.hpp"
#include "support/files.hpp"

namespace jetpack::converge {

namespace {

// Why it is not run; empty for a script.
std::string reason_to_ignore(const std::string& path, const std::string& name) {
  if (name.starts_with('.')) return "hidden";
  if (!name.ends_with(".sh")) return "its name does not end with .sh";
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return errno == ENOENT ? "a symbolic link to a file that does not exist"
                           : support::system_message(errno);
  if (S_ISDIR(info.st_mode)) return "a directory";
  return S_ISREG(info.st_mode) ? "" : "not a regular file";
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const support::Directory entries(::opendir(directory.c_str()));
  if (!entries && errno != ENOENT) support::fail_on_file("read", directory, errno);
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class StageFinder {
 public:
  StageFinder(const std::string& directory, const std::vector<support::Spec>& specs)
      : directory_(directory), specs_(specs) {}

  Stages find() {
    add_stage(Stage::install);
    for (size_t i = 0; i < specs_.size(); ++i)
      for (const auto& name : names_in(support::spec_path(directory_, specs_[i]) + "/scripts"))
        add(i, Stage::scripts, "scripts", name);
    add_stage(Stage::activate);
    return std::move(found_);
  }

 private:
  void add_stage(Stage stage) {
    const std::string name = name_of(stage) + ".sh";
    for (size_t i = 0; i < specs_.size(); ++i) {
      struct stat info {};
      const std::string path = support::spec_path(directory_, specs_[i]) + "/stages/" + name;
      if (::lstat(path.c_str(), &info) == 0) add(i, stage, "stages", name);
    }
  }

  void add(size_t spec, Stage stage, const std::string& below, const std::string& name) {
    const std::string path =
        support::spec_path(directory_, specs_[spec]) + '/' + below + '/' + name;
    const std::string why = reason_to_ignore(path, name);
    if (!why.empty()) {
      found_.ignored.push_back({path, why, name.ends_with(".sh") && !name.starts_with('.')});
      return;
    }
    found_.scripts.push_back(
        {spec, stage, name, path,
         specs_[spec].project + '/' + specs_[spec].name + '/' + below + '/' + name});
  }

  const std::string& directory_;
  const std::vector<support::Spec>& specs_;
  Stages found_;
};

}  // namespace

std::string name_of(Stage stage) {
  switch (stage) {
    case Stage::install:
      return "install";
    case Stage::scripts:
      return "scripts";
    case Stage::activate:
      return "activate";
  }
  return {};
}

Stages find_stages(const std::string& directory, const std::vector<support::Spec>& specs) {
  return StageFinder(directory, specs).find();
}

}  // namespace jetpack::converge
