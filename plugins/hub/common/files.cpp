// Files that exist whole or not at all, and locks between processes.
#include "common/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>

#include <jetpack/error.hpp>

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const std::string& doing, const fs::path& path, int error) {
  throw Error(error == EACCES || error == EPERM ? Errc::denied : Errc::failed,
              doing + " " + path.string() + ": " + std::generic_category().message(error));
}

void write_all(const Descriptor& file, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write", path, errno);
    content.remove_prefix(static_cast<size_t>(written));
  }
}

void sync(const Descriptor& file, const fs::path& path) {
  if (::fsync(file.get()) != 0) fail("cannot write to disk", path, errno);
}

Descriptor open_lock(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) fail("cannot open the lock", path, errno);
  return file;
}

// Removes a temporary file that has not been renamed.
class Temporary {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<std::string> read_file(const fs::path& path, size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) fail("cannot open", path, errno);
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) fail("cannot read", path, errno);
    if (size == 0) return content;
    content.append(buffer.data(), static_cast<size_t>(size));
    if (content.size() > max_bytes)
      throw Error(Errc::corrupt, "cannot use " + path.string() + ": it is larger than " +
                                     std::to_string(max_bytes) + " bytes");
  }
}

void write_file(const fs::path& path, std::string_view content, mode_t mode) {
  const fs::path folder = path.parent_path();
  std::string name = path.string() + ".XXXXXX";
  const Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) fail("cannot write in the folder of", path, errno);
  Temporary temporary(name);
  struct stat status {};
  // Only root may give a file away; anybody else keeps the own group.
  if (::stat(folder.c_str(), &status) == 0 &&
      ::fchown(file.get(), static_cast<uid_t>(-1), status.st_gid) != 0 && errno != EPERM)
    fail("cannot set the group of", path, errno);
  if (::fchmod(file.get(), mode) != 0) fail("cannot set the mode of", path, errno);
  write_all(file, content, path);
  sync(file, path);
  if (::rename(name.c_str(), path.c_str()) != 0) fail("cannot replace", path, errno);
  temporary.keep();
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) fail("cannot open the folder", folder, errno);
  sync(opened, folder);
}

void make_folder(const fs::path& path, mode_t mode) {
  if (path.has_parent_path() && !fs::exists(path.parent_path()))
    make_folder(path.parent_path(), mode);
  if (::mkdir(path.c_str(), mode) == 0 || (errno == EEXIST && fs::is_directory(path))) return;
  fail("cannot make the folder", path, errno);
}

FileLock FileLock::wait(const fs::path& path) {
  Descriptor file = open_lock(path);
  while (::flock(file.get(), LOCK_EX) != 0)
    if (errno != EINTR) fail("cannot lock", path, errno);
  return FileLock(std::move(file));
}

std::optional<FileLock> FileLock::attempt(const fs::path& path, std::chrono::milliseconds longest) {
  constexpr std::chrono::milliseconds interval{20};
  const auto deadline = std::chrono::steady_clock::now() + longest;
  Descriptor file = open_lock(path);
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail("cannot lock", path, errno);
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(interval);
  }
  return FileLock(std::move(file));
}

void FileLock::note(std::string_view text) const {
  if (::ftruncate(file_.get(), 0) != 0 ||
      ::pwrite(file_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    throw Error(Errc::failed, "cannot write the lock file");
}

}  // namespace jetpack::hub
