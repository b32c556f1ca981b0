// jetpack.self/1.
#include "services/self/self_service.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

#include <jetpack/boundary.hpp>
#include "services/results.hpp"
#include "services/self/cancellation.hpp"
#include "support/files.hpp"
#include "support/random.hpp"
#include "support/shared_memory.hpp"

namespace jetpack {

namespace {

constexpr mode_t private_mode = 0700;
constexpr mode_t shared_mode = 0755;

// Whether an id can be the name of a directory.
bool is_file_name(std::string_view id) {
  constexpr size_t longest = 200;
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+";
  return !id.empty() && id.size() <= longest && id[0] != '.' &&
         id.find_first_not_of(letters) == std::string_view::npos;
}

// Creates a directory where it is missing, and opens it; it may be no link. What is above it is ours,
// so that nobody else can change what the path leads to.
support::Fd open_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    throw Error(errno == EACCES || errno == EPERM ? Errc::denied : Errc::unavailable,
                "cannot create " + path + ": " + support::system_message(errno));
  support::Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory)
    throw Error(Errc::denied, "cannot open " + path + ": " + support::system_message(errno) +
                                  "; it must be a directory, and no link");
  return directory;
}

// Follows no link. (std::filesystem would be a twentieth of the host, and each function of the C
// library that is new in it slows the start of every command.)
void remove_tree(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno != EISDIR) return;
  if (const support::Directory directory{::opendir(path.c_str())}) {
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") remove_tree(path + '/' + std::string(name));
    }
  }
  ::rmdir(path.c_str());
}

// Throws unless nobody but root and we can change what is in the directory.
void require_own(const support::Fd& directory, const std::string& path) {
  struct stat info {};
  if (::fstat(directory.get(), &info) != 0)
    throw Error(Errc::unavailable, "cannot open " + path + ": " + support::system_message(errno));
  if (info.st_uid != 0 && info.st_uid != ::geteuid())
    throw Error(Errc::denied, path + " belongs to another user; remove it, or run as its owner");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(Errc::denied, "others can write to " + path + "; chmod go-w it");
}

template <class Text>
int32_t give(jp_sink out, jp_error* err, Text text) {
  return boundary::guard(err, [&] { write_to(out, text()); });
}

}  // namespace

SelfService::SelfService(const Home& home) : home_(home), table_{} {
  table_.size = sizeof table_;
  table_.self = this;
  table_.id = [](void* self, jp_sink out, jp_error* err) {
    return give(out, err, [&] { return static_cast<SelfService*>(self)->id_; });
  };
  table_.plugin_dir = [](void* self, jp_sink out, jp_error* err) {
    return give(out, err, [&] { return static_cast<SelfService*>(self)->plugin_dir(); });
  };
  table_.state_dir = [](void* self, jp_sink out, jp_error* err) {
    return give(out, err, [&] { return static_cast<SelfService*>(self)->state_dir(); });
  };
  table_.temp_dir = [](void* self, jp_sink out, jp_error* err) {
    return give(out, err, [&] { return static_cast<SelfService*>(self)->temp_dir(); });
  };
  table_.cancelled = [](void*) -> int32_t { return cancelling_signal() != 0 ? 1 : 0; };
}

void SelfService::begin(std::string id, std::string library) {
  id_ = std::move(id);
  library_ = std::move(library);
}

void SelfService::choose_temp_dir() {
  // Nobody can guess it, so that what has this name is ours, whichever process created it.
  temp_ = support::temporary_directory() + "/jetpack-" + support::random_uuid();
  // Never given back: it costs less than to look for a directory that is not there.
  if (has_temp_ == nullptr) has_temp_ = &support::shared_with_children<bool>();
}

void SelfService::end() const noexcept {
  try {
    if (has_temp_ != nullptr && *has_temp_) remove_tree(temp_);
  } catch (...) {
    // Without memory it stays.
  }
}

std::string SelfService::plugin_dir() const {
  char real[PATH_MAX];
  if (::realpath(library_.c_str(), real) == nullptr)
    throw Error(Errc::unavailable,
                "cannot find " + library_ + ": " + support::system_message(errno));
  std::string directory = support::parent_directory(real);
  // A bundle has its libraries in lib/, or in lib/PLATFORM/.
  std::string root = directory;
  for (int levels = 0; levels < 2; ++levels) {
    root = support::parent_directory(root);
    if (::access((root + "/plugin.json").c_str(), F_OK) == 0) return root;
  }
  return directory;
}

std::string SelfService::state_dir() const {
  if (!is_file_name(id_))
    throw Error(Errc::usage, "the plugin's id '" + id_ +
                                 "' cannot be the name of a directory; use letters, digits, dots "
                                 "and dashes");
  home_.check();
  std::string path;
  for (const auto& [name, mode] : {std::pair<std::string, mode_t>{"var", shared_mode},
                                   {"var/plugins", shared_mode},
                                   {"var/plugins/" + id_, private_mode}}) {
    path = home_.path(name);
    require_own(open_directory(path, mode), path);
  }
  return path;
}

std::string SelfService::temp_dir() {
  if (temp_.empty()) choose_temp_dir();
  struct stat info {};
  // Before it is there, so that it is removed whatever happens.
  *has_temp_ = true;
  const bool is_new = ::mkdir(temp_.c_str(), private_mode) == 0;
  if (!is_new && (errno != EEXIST || ::lstat(temp_.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) ||
                  info.st_uid != ::geteuid()))
    throw Error(Errc::unavailable, "cannot create the temporary directory " + temp_ + ": " +
                                       support::system_message(errno) +
                                       "; set TMPDIR to one that can be written");
  return temp_;
}

}  // namespace jetpack
