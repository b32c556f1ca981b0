// A small file that appears with all that is in it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "services/storage/store.hpp"
#include "support/files.hpp"

namespace jetpack::storage {

// Creates a file with that content below an open directory, or replaces the one that is there. A
// new file has no name until it is whole, so a process that is killed leaves nothing behind. A
// replacement is written under the name of its partial file, locked as PartialFile locks it, and
// renamed. A file that already holds the content is kept, and its time is set to now. Returns
// false, with everything unchanged, when this is not possible: the name belongs to something
// other than a file, the file system does not support files without a name, the partial file is
// in use, or the disk is full. The caller then uses PartialFile, which waits or reports the
// error.
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
