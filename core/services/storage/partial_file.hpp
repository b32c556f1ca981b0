// A download that is not whole yet: a file beside its destination, and what is known of it.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "services/storage/ranges.hpp"
#include "support/files.hpp"

namespace jetpack::storage {

// The file is written in pieces that end at multiples of it, so that the kernel caches it in folios
// of this size: the largest that it allocates as it does pages, from what each CPU has freed a moment
// ago. Larger ones cost a third less, but come out of large free blocks, which the host of a virtual
// machine may have taken back (free page reporting): then each page is a fault of the host's, which
// is 2.7 s for 1 GiB.
constexpr size_t write_unit = 32 << 10;

// How the partial file of a destination is called.
std::string partial_name(const std::string& name);

// Whether the open file is the one at that name: another process may have renamed it before it was
// locked.
bool is_still_at(int fd, int at, const std::string& name);

// Whether it is a file of root or of the caller. What another user has put there says nothing about
// the new file: in a directory that all can write to, it would let that user change a file that root
// has just checked.
bool is_trusted(const struct stat& file);

// Gives the open file that replaces `old` the owner and mode of that, if it is trusted.
void take_over(int fd, const struct stat& old);

// Of /dir/name: /dir/.name.jetpack-part holds the bytes, .name.jetpack-state says which are
// there. A process that is killed at any moment leaves the two so that another can go on; the
// destination is the old file or the whole new one. One process has it at a time. After a crash of
// the machine, which may have lost what was not on disk yet, nothing is resumed.
class PartialFile {
 public:
  // Which content it is that grows here.
  struct Content {
    std::string blob;  // with its locker: "az://account/container/name"
    std::string etag;
    uint64_t bytes = 0;
  };

  // Waits while another process has it, and calls `wait` again and again meanwhile, which may throw
  // to end that. Throws Error when the destination is a directory or a device, or its directory
  // cannot be written. With `directory`, which is that of the destination, the path is for errors,
  // only its last part counts, and a link there is an error too.
  PartialFile(const std::string& destination, const std::function<void()>& wait,
              support::Fd directory = {});

  // What is there of `content`; all else is thrown away, and so is that when `fresh`. Then the file
  // has its full size, its disk space reserved. Throws Errc::unavailable when there is not enough.
  Ranges resume(const Content& content, bool fresh);

  // Writes at an offset. Throws Error.
  void write_at(uint64_t offset, std::string_view data) const;

  // Hands what is in the file to `take`, piece by piece, until that returns false. Throws
  // Errc::failed.
  void read_back(Range range, const std::function<bool(std::string_view)>& take) const;

  // Keeps in the state what is there.
  void record(const Ranges& ranges);
  // How many bytes were recorded last.
  uint64_t recorded() const { return recorded_; }

  // Puts it in the place of the destination, whose owner and mode it may take over.
  void finish();

  // Removes it.
  void discard() noexcept;

 private:
  int at() const { return directory_ ? directory_.get() : AT_FDCWD; }
  bool lock(const std::function<void()>& wait);
  Ranges what_is_there(const Content& content) const;
  void reserve(uint64_t bytes) const;

  std::string destination_;
  support::Fd directory_;
  std::string name_;  // from directory_; so are part_ and state_
  std::string part_;
  std::string state_;
  Content content_;
  uint64_t recorded_ = 0;
  support::Fd fd_;
};

}  // namespace jetpack::storage
