// The home tree: directories, owners, modes and what stands in run/.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include <jetpack/plugin.hpp>
#include "doctor/areas.hpp"
#include "support/files.hpp"
#include "support/home_files.hpp"
#include "support/home_tree.hpp"
#include "support/program.hpp"

namespace jetpack::doctor {

namespace {

constexpr mode_t others = S_IRWXO;

void check(int result, const std::string& what) {
  if (result != 0) throw Error(Errc::failed, what + ": " + support::system_message(errno));
}

class Tree {
 public:
  Tree(const Call& call, Report& report) : config_(call.service<Config>()), report_(report) {
    struct stat program {};
    if (::stat(support::program_path().c_str(), &program) == 0) program_owner_ = program.st_uid;
    if (!group_) report_.found("group-missing", "only root can use this node's jetpack");
  }

  void examine() {
    for (const auto& file : support::home_files())
      if (file.is_directory()) examine_directory(file);
    if (sound_ > 0)
      report_.passed("owner and mode of " + std::to_string(sound_) + " directories are right");
    examine_secrets();
    examine_log();
    examine_run();
  }

 private:
  void examine_directory(const support::HomeFile& directory) {
    const std::string path = path_of(directory.path);
    const support::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) {
      if (errno != ENOENT || directory.is_needed) report_missing(directory, path, errno);
      return;
    }
    struct stat info {};
    check(::fstat(fd.get(), &info), "cannot look at " + path);
    const size_t before = report_.findings().size();
    examine_owner(path, fd.get(), info);
    examine_writers(directory, path, fd.get(), info);
    if (directory.is_shared) {
      examine_access(path);
      if (group_) examine_group(directory, path, fd.get(), info);
    }
    if (report_.findings().size() == before) ++sound_;
  }

  void report_missing(const support::HomeFile& directory, const std::string& path, int error) {
    const std::string evidence = path + ": " + support::system_message(error);
    if (error == ENOTDIR) return report_.found("not-a-directory", evidence);
    if (error != ENOENT) return report_.found("no-access", evidence);
    report_.found("directory-missing", evidence,
                  {"mkdir -m " + support::octal(directory.mode) + ' ' + path, [&] {
                     support::create_directories(path, directory.mode);
                     check(::chmod(path.c_str(), directory.mode), "chmod " + path);
                     if (group_) check(::chown(path.c_str(), 0, *group_), "chown " + path);
                   }});
  }

  void examine_owner(const std::string& path, int fd, const struct stat& info) {
    if (info.st_uid == 0 || info.st_uid == ::geteuid() || info.st_uid == program_owner_) return;
    report_.found("owner-wrong", path + " belongs to user " + std::to_string(info.st_uid),
                  {"chown root " + path, [&] {
                     check(::fchown(fd, 0, static_cast<gid_t>(-1)), "chown " + path);
                     // The kernel may have cleared the group bit.
                     check(::fchmod(fd, info.st_mode & 07777), "chmod " + path);
                   }});
  }

  void examine_writers(const support::HomeFile& directory, const std::string& path, int fd,
                       const struct stat& info) {
    const mode_t unwanted = directory.is_shared ? S_IWOTH : S_IWOTH | S_IWGRP;
    if ((info.st_mode & unwanted) == 0) return;
    const mode_t mode = info.st_mode & 07777 & ~unwanted;
    report_.found("writable-by-others", path + " has mode " + support::octal(info.st_mode),
                  {"chmod " + support::octal(mode) + ' ' + path,
                   [&] { check(::fchmod(fd, mode), "chmod " + path); }});
  }

  void examine_group(const support::HomeFile& directory, const std::string& path, int fd,
                     const struct stat& info) {
    if (info.st_gid != *group_) {
      report_.found("group-wrong", path + " has group " + std::to_string(info.st_gid),
                    {"chgrp " + std::string(support::home_group) + ' ' + path, [&] {
                       check(::fchown(fd, static_cast<uid_t>(-1), *group_), "chgrp " + path);
                       check(::fchmod(fd, directory.mode), "chmod " + path);
                     }});
      return;
    }
    if ((info.st_mode & directory.mode) == directory.mode) return;
    report_.found("mode-wrong", path + " has mode " + support::octal(info.st_mode),
                  {"chmod " + support::octal(directory.mode) + ' ' + path,
                   [&] { check(::fchmod(fd, directory.mode), "chmod " + path); }});
  }

  void examine_access(const std::string& path) {
    if (::access(path.c_str(), R_OK | W_OK | X_OK) == 0) return;
    report_.found(errno == EROFS ? "read-only" : "no-access",
                  path + ": " + support::system_message(errno));
  }

  // Others get to the files only where they may enter both directories.
  void examine_secrets() {
    for (const char* name : {"", "config"}) {
      struct stat info {};
      if (::stat(path_of(name).c_str(), &info) != 0 || (info.st_mode & S_IXOTH) == 0) return;
    }
    std::string names;
    std::vector<support::Fd> files;
    for (const auto& file : support::home_files()) {
      if (!file.is_secret) continue;
      const std::string path = path_of(file.path);
      support::Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      struct stat info {};
      if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
          (info.st_mode & S_IROTH) == 0)
        continue;
      names.append(names.empty() ? "" : " ").append(path);
      files.push_back(std::move(fd));
    }
    if (files.empty()) return;
    report_.found("readable-by-others", names, {"chmod o= " + names, [&] {
                                                  for (const auto& fd : files) close_to_others(fd);
                                                }});
  }

  static void close_to_others(const support::Fd& fd) {
    struct stat info {};
    check(::fstat(fd.get(), &info), "stat");
    check(::fchmod(fd.get(), info.st_mode & 07777 & ~others), "chmod");
  }

  // Callers test with `touch` whether they may use jetpack.
  void examine_log() {
    const std::string path = path_of("logs/jetpack.log");
    const support::Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || !group_) return;
    if (info.st_gid == *group_ && (info.st_mode & S_IWGRP) != 0) return;
    report_.found(
        "mode-wrong",
        path + " has mode " + support::octal(info.st_mode) + ", group " +
            std::to_string(info.st_gid),
        {"chgrp " + std::string(support::home_group) + ' ' + path + "; chmod 0660 " + path, [&] {
           if (info.st_nlink != 1) throw Error(Errc::denied, path + " has several links");
           check(::fchown(fd.get(), static_cast<uid_t>(-1), *group_), "chgrp " + path);
           check(::fchmod(fd.get(), 0660), "chmod " + path);
         }});
  }

  void examine_run() {
    const std::string path = path_of("run");
    const support::Directory run(::opendir(path.c_str()));
    if (!run) return;
    while (const dirent* entry = ::readdir(run.get())) {
      const std::string name = entry->d_name;
      struct stat info {};
      if (::fstatat(::dirfd(run.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      std::string file = path + '/';
      file += name;
      if (S_ISLNK(info.st_mode))
        report_.found("untrusted-file", file + " is a symbolic link");
      else if (S_ISREG(info.st_mode) && info.st_nlink > 1)
        report_.found("untrusted-file", file + " has several hard links");
      else if (name.find(".corrupt-") != std::string::npos)
        report_.found("moved-aside", file);
    }
  }

  std::string path_of(const char* name) const { return config_.path(name); }

  Config config_;
  Report& report_;
  uid_t program_owner_ = 0;
  std::optional<gid_t> group_ = support::home_group_id();
  size_t sound_ = 0;
};

}  // namespace

void examine_tree(const Call& call, Report& report) { Tree(call, report).examine(); }

}  // namespace jetpack::doctor
