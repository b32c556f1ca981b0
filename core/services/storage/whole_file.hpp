// A small file that appears with all that is in it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "services/storage/store.hpp"
#include "support/files.hpp"

namespace jetpack::storage {

// Creates a file of that content below an open directory. It has no name until it is whole, so a
// process that is killed leaves nothing. False, and nothing is there, when that cannot be: the name is
// taken, the file system has no files without a name, there is no room. PartialFile says what is wrong.
bool create_whole(int directory, const std::string& name, std::string_view content);

// The directory that one file after another goes into, most often the same one.
class LastDirectory {
 public:
  using Held = std::shared_ptr<const support::Fd>;

  // Created with all its parents, as open_partial() does. nullptr without a root.
  Held of(const Wanted& wanted);

 private:
  int root_ = -1;
  std::string below_;
  Held held_;
};

}  // namespace jetpack::storage
