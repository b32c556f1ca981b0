// A small file that appears with all that is in it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "services/storage/store.hpp"
#include "support/files.hpp"

namespace jetpack::storage {

// Makes a file of that content below an open directory, or replaces one that is there. A new one has no
// name until it is whole, so that a process that is killed leaves nothing. One that replaces another
// has the name of its partial file until then, and is locked as PartialFile does it; one that holds the
// same already stays, with the time of now. False, and all is
// as it was, when that cannot be: the name is that of something else, the file system has no files without
// a name, somebody has the partial file, there is no room. PartialFile goes on then, or says what is
// wrong.
bool write_whole(int directory, const std::string& name, std::string_view content);

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
