// Whether a file may be loaded as code: who could have written it.
#include "loader/trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "loader/refusal.hpp"
#include "support/files.hpp"
#include "support/program.hpp"

namespace jetpack {

namespace {

uid_t program_owner() {
  struct stat info {};
  return ::stat(support::program_path().c_str(), &info) == 0 ? info.st_uid : 0;
}

void check_component(const std::string& path, uid_t owner_of_program, bool is_file) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0)
    throw Refusal("cannot look at " + path + ": " + support::system_message(errno));
  if (is_file ? !S_ISREG(info.st_mode) : !S_ISDIR(info.st_mode))
    throw Refusal(path + (is_file ? " is not a regular file" : " is not a directory"));
  if (info.st_uid != 0 && info.st_uid != ::geteuid() && info.st_uid != owner_of_program)
    throw Refusal(path + " belongs to user " + std::to_string(info.st_uid) +
                  "; it must belong to root or to you (chown it)");
  const mode_t others = ::geteuid() == 0 ? (S_IWGRP | S_IWOTH) : S_IWOTH;
  const bool sticky_directory = !is_file && (info.st_mode & S_ISVTX) != 0;
  if ((info.st_mode & others) != 0 && !sticky_directory)
    throw Refusal(path + " can be written by others than its owner (chmod go-w it)");
}

}  // namespace

void check_trust(const std::string& path) {
  const uid_t owner = program_owner();
  check_component(path, owner, true);
  for (size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
       slash = path.rfind('/', slash - 1))
    check_component(path.substr(0, slash), owner, false);
  check_component("/", owner, false);
}

}  // namespace jetpack
