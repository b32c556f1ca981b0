// Reads files with a size limit, and writes them so that a crash leaves the old or the new content.
#pragma once

#include <dirent.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace jetpack::support {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { close(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void close() noexcept;

 private:
  int fd_ = -1;
};

// Owns a directory opened for reading its entries.
struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// "No such file or directory", for an errno.
std::string system_message(int error);

// The directory part of a path: "/etc" of "/etc/passwd", "." of "passwd".
std::string parent_directory(const std::string& path);

// Writes all of `content`; returns 0 or the errno of the failure.
int write_all(int fd, std::string_view content);

// Reads `fd` to its end; nullopt when that is more than `max_bytes`. `name` is for the error
// message. Never allocates much more than `max_bytes`.
std::optional<std::string> read_bounded(int fd, uint64_t max_bytes, const std::string& name);

// Whether others can write the directory, as they can run/. There a symbolic link, or a file with
// several hard links, may be their way to a file that they cannot read, and is refused.
enum class Sharing { own, shared };

// Opens a file to read it; an invalid Fd when it does not exist. Throws Errc::denied or failed, and
// Errc::corrupt when it is not a regular file, or a link in a shared directory.
Fd open_file(const std::string& path, Sharing sharing = Sharing::own);

// The whole file; nullopt when it does not exist. Throws as open_file does, and Errc::corrupt when
// it is larger than `max_bytes`. Never allocates more than `max_bytes`.
std::optional<std::string> read_file(const std::string& path, uint64_t max_bytes,
                                     Sharing sharing = Sharing::own);

// The same for state that decides what is trusted: throws Errc::denied unless the file and its
// directory belong to root or to the effective user and nobody else can write them.
std::optional<std::string> read_private_file(const std::string& path, uint64_t max_bytes);

// Opens a FILE of a command line to read it, of whatever kind: "-" is standard input. Throws
// Errc::not_found or failed.
Fd open_input(const std::string& file);

// Opens one to replace its content: "-" is standard output. Throws Errc::denied or failed.
Fd open_output(const std::string& file);

// All of a FILE to read; `name_of_input` says how messages call it. Throws Errc::corrupt when it is
// larger than `max_bytes`.
std::string read_input(const std::string& file, uint64_t max_bytes);
inline std::string name_of_input(const std::string& file) {
  return file == "-" ? "standard input" : file;
}

// Replaces the file: temporary file in the same directory, fsync, rename, fsync of the directory. A
// new file gets `mode` and the directory's group. An existing file keeps its owner, group and mode,
// unless the directory is writable by its group or by others: then the file is not trusted and is
// replaced as if it were new. Throws Errc::unavailable when the disk is full, read-only or broken,
// else denied or failed.
void write_durably(const std::string& path, std::string_view content, unsigned mode);

// The same, unless the file already has this content; returns whether it was written.
bool write_if_changed(const std::string& path, std::string_view content, unsigned mode);

// Where temporary files belong: TMPDIR, if it is the absolute path of a directory, else /tmp.
std::string temporary_directory();

// "0640": a mode as chmod takes it.
std::string octal(unsigned mode);

// Creates the directory and its missing parents with `mode`.
void create_directories(const std::string& path, unsigned mode);

// Renames a damaged state file to PATH.corrupt-TIME, so that work can continue; returns that name.
std::string move_aside(const std::string& path);

}  // namespace jetpack::support
