// Opens a file below a directory, with openat2(2) or by walking the path.
#include "support/open_below.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <vector>

namespace jetpack::support {

namespace {

// As in the kernel, path_resolution(7).
constexpr int most_links = 40;

// A walk from directory to directory. Every directory on the way stays open, so that ".." leads to
// where the walk came from, even if that directory was moved meanwhile.
class Walk {
 public:
  Walk(int root, const std::string& path) : root_(root) { push(path); }

  Fd open(int flags, Links links);

 private:
  int here() const { return entered_.empty() ? root_ : entered_.back().get(); }

  // Puts the names of `path` in front of what is left.
  void push(const std::string& path) {
    for (size_t end = path.size(); end != std::string::npos;) {
      const size_t slash = end == 0 ? std::string::npos : path.rfind('/', end - 1);
      const size_t start = slash == std::string::npos ? 0 : slash + 1;
      const std::string name = path.substr(start, end - start);
      if (!name.empty() && name != ".") left_.push_back(name);
      end = slash;
    }
  }

  // Follows the link `name`; false with errno set if that is not allowed or `name` is not a link.
  bool follow(const std::string& name, Links links);

  int root_;
  std::vector<Fd> entered_;
  std::vector<std::string> left_;  // the next name last
  int followed_ = 0;
};

bool fail_with(int error) {
  errno = error;
  return false;
}

bool Walk::follow(const std::string& name, Links links) {
  const int error = errno;
  if (error != ELOOP && error != ENOTDIR) return false;
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlinkat(here(), name.c_str(), target.data(), target.size());
  if (size < 0) return fail_with(error);
  if (links == Links::none || ++followed_ > most_links) return fail_with(ELOOP);
  if (target[0] == '/') return fail_with(EXDEV);
  push({target.data(), static_cast<size_t>(size)});
  return true;
}

Fd Walk::open(int flags, Links links) {
  constexpr int enter_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  while (!left_.empty()) {
    const std::string name = left_.back();
    left_.pop_back();
    if (name == "..") {
      if (entered_.empty()) {
        errno = EXDEV;
        return Fd();
      }
      entered_.pop_back();
      continue;
    }
    const bool is_last = left_.empty();
    Fd next(::openat(here(), name.c_str(), is_last ? flags | O_NOFOLLOW : enter_flags));
    if (next && is_last) return next;
    if (next) {
      entered_.push_back(std::move(next));
    } else if (!follow(name, links)) {
      return Fd();
    }
  }
  return Fd(::openat(here(), ".", flags));
}

}  // namespace

Fd open_by_walking(int root, const std::string& path, int flags, Links links) {
  if (path.starts_with('/')) {
    errno = EXDEV;
    return Fd();
  }
  return Walk(root, path).open(flags | O_CLOEXEC, links);
}

Fd open_below(int root, const std::string& path, int flags, Links links) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (links == Links::none) how.resolve |= RESOLVE_NO_SYMLINKS;
  Fd fd(static_cast<int>(::syscall(__NR_openat2, root, path.c_str(), &how, sizeof how)));
  // EPERM is the answer of seccomp profiles that do not know the call, EAGAIN of a race.
  if (fd || (errno != ENOSYS && errno != EPERM && errno != EAGAIN)) return fd;
  return open_by_walking(root, path, flags, links);
}

Fd create_directories_below(int root, const std::string& path) {
  for (size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
    const Fd parent = create_directories_below(root, path.substr(0, end));
    if (!parent) return Fd();
    return create_directories_below(parent.get(), path.substr(end + 1));
  }
  if (path.empty() || path == ".") return open_below(root, ".", O_PATH | O_DIRECTORY, Links::none);
  if (::mkdirat(root, path.c_str(), 0777) != 0 && errno != EEXIST) return Fd();
  return open_below(root, path, O_PATH | O_DIRECTORY, Links::none);
}

}  // namespace jetpack::support
