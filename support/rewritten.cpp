// Reads files that other programs may rewrite in place meanwhile, as Chef does with node.json.
#include "support/rewritten.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <thread>

namespace jetpack::support {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds max_pause{8}, max_unchanged{250}, max_wait{1000};

bool is_same(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// Whether it was changed within the last second.
bool is_young(const struct stat& file) {
  return std::abs(std::time(nullptr) - file.st_mtim.tv_sec) <= 1;
}

}  // namespace

const Fd& Rewritten::open() {
  fd_ = open_file(path_);
  const struct stat before = before_;
  if (!fd_ || ::fstat(fd_.get(), &before_) != 0) return fd_;
  if (waited_ > milliseconds(0) && !is_same(before, before_)) unchanged_ = milliseconds(0);
  return fd_;
}

bool Rewritten::is_worth_another(bool is_broken) {
  const struct stat before = before_;
  if (::fstat(fd_.get(), &before_) != 0) return false;
  const bool is_changed = !is_same(before, before_);
  const bool is_incomplete = (is_broken || before_.st_size == 0) && is_young(before_);
  if (!is_changed && !is_incomplete) return false;
  if (is_changed) unchanged_ = milliseconds(0);
  if (unchanged_ >= max_unchanged || waited_ >= max_wait) return false;
  std::this_thread::sleep_for(pause_);
  unchanged_ += pause_;
  waited_ += pause_;
  pause_ = std::min(2 * pause_, max_pause);
  return true;
}

}  // namespace jetpack::support
