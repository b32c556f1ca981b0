// All processes below this one: what it started, and what that started.
#include "services/process/descendants.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "support/files.hpp"

namespace jetpack {

namespace {

// Pairs of process and parent, as /proc has them now.
std::vector<std::pair<pid_t, pid_t>> process_parents() {
  std::vector<std::pair<pid_t, pid_t>> pairs;
  const support::Directory dir(::opendir("/proc"));
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid <= 0) continue;
    char text[512];
    const support::Fd fd(
        ::open(("/proc/" + std::string(entry->d_name) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t size = fd ? ::read(fd.get(), text, sizeof text - 1) : -1;
    if (size <= 0) continue;
    text[size] = '\0';
    // The name is in parentheses and may hold anything; the fields follow the last one.
    const char* fields = std::string_view(text).rfind(')') == std::string_view::npos
                             ? nullptr
                             : text + std::string_view(text).rfind(')');
    int parent = 0;
    if (fields != nullptr && std::sscanf(fields, ") %*c %d", &parent) == 1)
      pairs.emplace_back(pid, parent);
  }
  return pairs;
}

bool has_child() {
  siginfo_t child{};
  return ::waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 || errno != ECHILD;
}

}  // namespace

std::vector<pid_t> descendants_of(const std::vector<pid_t>& roots) {
  const auto pairs = process_parents();
  std::vector<pid_t> found = roots;
  for (size_t i = 0; i < found.size(); ++i)
    for (const auto& [pid, parent] : pairs)
      if (parent == found[i]) found.push_back(pid);
  found.erase(found.begin(), found.begin() + static_cast<ptrdiff_t>(roots.size()));
  return found;
}

std::vector<pid_t> descendants() {
  // What loses its parent becomes our child: without a child there is no descendant, and no need to
  // look at all processes. With one, some are found; unless one lost its parent while we looked, after
  // its turn and before its parent's.
  constexpr int most_looks = 10;  // /proc may not be there at all
  for (int look = 0; look < most_looks && has_child(); ++look)
    if (auto found = descendants_of({::getpid()}); !found.empty()) return found;
  return {};
}

}  // namespace jetpack
