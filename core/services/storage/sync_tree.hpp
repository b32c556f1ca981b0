// Builds a directory beside another one from files that are there already, and exchanges the two.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace jetpack::storage {

// The new directory, which exists and is empty, beside the old one, which need not exist. All names
// are relative. Every function throws Error.
class NewTree {
 public:
  NewTree(std::string tree, std::string old);

  // Creates the directory and its parents, with mode and owner of those in the old tree.
  void add_directory(const std::string& name);
  // Puts the file at `path` there, as a hard link where the file system has them. `like_old`: with
  // mode and owner of the old tree's file.
  void add_file(const std::string& name, const std::string& path, bool like_old);
  // Puts all else of the old tree there, but for what `is_dropped`. What is there already stays.
  void carry_over(const std::function<bool(const std::string&)>& is_dropped,
                  const std::set<std::string>& own_directories);

 private:
  void carry(const std::string& below, const std::function<bool(const std::string&)>& is_dropped,
             const std::set<std::string>& own_directories);

  std::string tree_;
  std::string old_;
  uint64_t device_ = 0;
  std::set<std::string> made_;
};

// Puts `tree` in the place of `directory`. What was there is at `tree` or at `aside` afterwards.
void exchange(const std::string& tree, const std::string& directory, const std::string& aside);

// Removes a tree; what cannot be removed stays for the next time.
void remove_tree(const std::string& path);

// mtime in nanoseconds.
int64_t modified_of(const struct stat& file);

// The MD5 of a file, hex; empty when it cannot be read.
std::string md5_of_file(const std::string& path);
std::string md5_of_file(int fd);

}  // namespace jetpack::storage
