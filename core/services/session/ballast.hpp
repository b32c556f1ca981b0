// A file beside the outbox that keeps it usable on a full disk.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

#include "support/files.hpp"

namespace jetpack::session {

// Deleting needs space too, so that a disk which the queue itself has filled would stay full. Most
// of this file is given back then. Its first page remembers what was delivered and could not be
// deleted, for the processes to come. Without the file all goes on as well as it can.
class Ballast {
 public:
  // Of each kind (its number), all up to a place in the order.
  using Places = std::map<int64_t, int64_t>;

  // Opens it and creates it when missing. `directory` is the run directory.
  explicit Ballast(const std::string& directory) noexcept;

  // Gives the space back.
  void release() const noexcept;
  // Takes it again, when there is plenty.
  void restore() const noexcept;

  // What was delivered from the database with this inode.
  Places delivered(ino_t database) const noexcept;
  void remember(ino_t database, const Places& delivered) const noexcept;

 private:
  support::Fd fd_;
};

}  // namespace jetpack::session
