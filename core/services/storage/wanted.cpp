// What the transfers of many blobs share.
#include "services/storage/wanted.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <jetpack/error.hpp>
#include "services/storage/sync_tree.hpp"
#include "support/files.hpp"
#include "support/open_below.hpp"
#include "support/text.hpp"

namespace jetpack::storage {

support::Fd open_directory(const Wanted& wanted) {
  support::Fd directory =
      support::create_directories_below(wanted.root, support::parent_directory(wanted.below));
  if (directory) return directory;
  const int error = errno;
  const Errc code = error == EACCES || error == EPERM || error == EROFS ? Errc::denied
                    : error == ENOSPC || error == EDQUOT                ? Errc::unavailable
                                                                        : Errc::failed;
  throw Error(code, "cannot create directory " +
                        support::one_line(support::parent_directory(wanted.path)) + ": " +
                        support::system_message(error) +
                        (error == ELOOP || error == ENOTDIR || error == EXDEV
                             ? "; a symbolic link or a file is in its place, which is neither "
                               "followed nor replaced; remove it"
                             : ""));
}

PartialFile open_partial(const Wanted& wanted, const std::function<void()>& wait) {
  if (wanted.root < 0) return {wanted.path, wait};
  return {wanted.path, wait, open_directory(wanted)};
}

bool is_there(Wanted& wanted) {
  if (wanted.fresh || wanted.blob->md5.empty() || wanted.root < 0) return false;
  const support::Fd file =
      support::open_below(wanted.root, wanted.below, O_RDONLY | O_NONBLOCK, support::Links::none);
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      static_cast<uint64_t>(info.st_size) != wanted.blob->bytes ||
      md5_of_file(file.get()) != wanted.blob->md5)
    return false;
  wanted.md5 = wanted.blob->md5;
  wanted.done = {wanted.blob->bytes, wanted.blob->bytes, true};
  return true;
}

bool ends_all(OnFailure policy, const std::exception_ptr& failure) {
  if (policy == OnFailure::stop) return true;
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    return e.code() == Errc::denied || e.code() == Errc::unavailable;
  } catch (...) {
    return false;
  }
}

Overall::Overall(const std::vector<Wanted>& wanted, const Watch& watch) : watch_(watch) {
  for (const Wanted& one : wanted) total_ += one.blob->bytes;
}

Watch Overall::part() {
  return [this](uint64_t done, uint64_t) {
    if (!watch_) return;
    try {
      watch_(std::min(done_ + done, total_), total_);
    } catch (...) {
      is_cancelled_ = true;
      throw;
    }
  };
}

void one_by_one(const std::vector<Wanted*>& wanted, OnFailure policy, Overall& overall,
                const std::function<Downloaded(Wanted&, const Watch&)>& fetch) {
  for (Wanted* one : wanted) {
    try {
      if (!is_there(*one)) one->done = fetch(*one, overall.part());
    } catch (...) {
      if (policy == OnFailure::stop || overall.is_cancelled()) throw;
      one->failure = std::current_exception();
      if (ends_all(policy, one->failure)) return;
    }
    overall.ended(one->blob->bytes);
  }
}

}  // namespace jetpack::storage
