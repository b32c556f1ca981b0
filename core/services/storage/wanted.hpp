// What the transfers of many blobs share: where the files go, and what a failure means.
#pragma once

#include <functional>
#include <vector>

#include "services/storage/partial_file.hpp"
#include "services/storage/store.hpp"
#include "support/files.hpp"

namespace jetpack::storage {

// The directory of a file below a root, created with all its parents. Throws Error.
support::Fd open_directory(const Wanted& wanted);

// The file while it grows. Throws Error when it cannot be there; see PartialFile for `wait`.
PartialFile open_partial(const Wanted& wanted, const std::function<void()>& wait);

// Whether the file is there and is the blob. Then `wanted` is done.
bool is_there(Wanted& wanted);

// Whether what was thrown ends the transfer of the other blobs too.
bool ends_all(OnFailure policy, const std::exception_ptr& failure);

// The progress of several transfers as that of one.
class Overall {
 public:
  Overall(const std::vector<Wanted>& wanted, const Watch& watch);
  Overall(const Overall&) = delete;
  Overall& operator=(const Overall&) = delete;

  // For what is transferred now; valid as long as this is.
  Watch part();
  void ended(uint64_t bytes) { done_ += bytes; }
  // Whether `watch` has thrown.
  bool is_cancelled() const { return is_cancelled_; }

 private:
  Watch watch_;
  uint64_t total_ = 0;
  uint64_t done_ = 0;
  bool is_cancelled_ = false;
};

// Calls `fetch` for each that is not there yet. Throws as Store::download_all does.
void one_by_one(const std::vector<Wanted*>& wanted, OnFailure policy, Overall& overall,
                const std::function<Downloaded(Wanted&, const Watch&)>& fetch);

}  // namespace jetpack::storage
