// A control group (cgroup v2) for what one script starts.
#include "services/process/control_group.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <jetpack/error.hpp>

namespace jetpack {

namespace {

constexpr uint64_t most_cgroups_text = 64 << 10;

std::string find_own_group() {
  try {
    const auto text = support::read_file("/proc/self/cgroup", most_cgroups_text).value_or("");
    const size_t at = text.starts_with("0::") ? 0 : text.find("\n0::");
    if (at == std::string::npos) return {};
    const size_t start = text.find('/', at);
    const std::string path = "/sys/fs/cgroup" + text.substr(start, text.find('\n', start) - start);
    struct statfs mounted {};
    const bool is_v2 =
        ::statfs(path.c_str(), &mounted) == 0 && mounted.f_type == CGROUP2_SUPER_MAGIC;
    return is_v2 ? path : std::string();
  } catch (const Error&) {
    return {};
  }
}

// The directory of our own group; empty when it is not one of cgroup v2.
const std::string& own_group() {
  static const std::string group = find_own_group();
  return group;
}

}  // namespace

void ControlGroup::prepare() { own_group(); }

ControlGroup::ControlGroup() : path_(own_group()) {
  if (path_.empty()) return;
  path_ += "/jetpack-" + std::to_string(::getpid());
  if (::mkdir(path_.c_str(), 0755) == 0) {
    processes_ =
        support::Fd(::open((path_ + "/cgroup.procs").c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  } else {
    path_.clear();
  }
}

ControlGroup::~ControlGroup() {
  if (!path_.empty()) ::rmdir(path_.c_str());
}

void ControlGroup::enter() const noexcept {
  if (processes_) support::write_all(processes_.get(), "0");
}

void ControlGroup::kill() const noexcept {
  if (path_.empty()) return;
  const support::Fd fd(::open((path_ + "/cgroup.kill").c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (fd) support::write_all(fd.get(), "1");
}

}  // namespace jetpack
