// A file beside the outbox that keeps it usable on a full disk.
#include "services/session/ballast.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>

#include "services/session/shared_file.hpp"

namespace jetpack::session {

namespace {

constexpr off_t ballast_size = 256 << 10;
constexpr off_t page = 4096;
constexpr size_t note_size = 256;
constexpr uint64_t plenty = 4 * ballast_size;

// Where file systems cannot allocate, space is taken by writing.
bool write_zeros(int fd) {
  const std::string zeros(page, '\0');
  for (off_t at = page; at < ballast_size; at += page)
    if (::pwrite(fd, zeros.data(), zeros.size(), at) != page) return false;
  return true;
}

}  // namespace

Ballast::Ballast(const std::string& directory) noexcept try {
  const std::string path = shared_file(directory, "outbox.ballast");
  fd_ = support::Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  const bool is_ours =
      fd_ && ::fstat(fd_.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1;
  if (!is_ours) {
    fd_.close();
  } else if (info.st_size < ballast_size) {
    restore();
  }
} catch (const std::exception&) {
  // The queue itself reports what is wrong with the directory.
}

void Ballast::release() const noexcept {
  if (fd_) [[maybe_unused]]
    const int ignored = ::ftruncate(fd_.get(), page);
}

void Ballast::restore() const noexcept {
  // The first page is written at once, so that writing it again takes no space.
  const std::string zeros(page, '\0');
  struct stat now {};
  if (!fd_ || ::fstat(fd_.get(), &now) != 0) return;
  if (now.st_size < page && ::pwrite(fd_.get(), zeros.data(), zeros.size(), 0) != page) return;
  struct statvfs info {};
  const bool has_plenty =
      ::fstatvfs(fd_.get(), &info) == 0 && uint64_t{info.f_bavail} * info.f_frsize >= plenty;
  if (!has_plenty) return;
  if (::fallocate(fd_.get(), 0, page, ballast_size - page) != 0 && !write_zeros(fd_.get()))
    release();
}

namespace {

// The next number of a list that is separated by blanks.
std::optional<int64_t> next_number(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

}  // namespace

// "INODE KIND PLACE KIND PLACE ..."
Ballast::Places Ballast::delivered(ino_t database) const noexcept try {
  std::array<char, note_size> note{};
  if (!fd_ || ::pread(fd_.get(), note.data(), note.size(), 0) <= 0) return {};
  std::string_view text(note.data(), note.size());
  if (next_number(text) != static_cast<int64_t>(database)) return {};
  Places places;
  for (auto kind = next_number(text); kind; kind = next_number(text))
    if (const auto place = next_number(text)) places[*kind] = *place;
  return places;
} catch (const std::exception&) {
  return {};
}

void Ballast::remember(ino_t database, const Places& delivered) const noexcept try {
  if (!fd_) return;
  std::string text;
  if (!delivered.empty()) text = std::to_string(database);
  for (const auto& [kind, place] : delivered)
    text += ' ' + std::to_string(kind) + ' ' + std::to_string(place);
  text.resize(note_size, '\0');
  if (::pwrite(fd_.get(), text.data(), text.size(), 0) > 0) ::fdatasync(fd_.get());
} catch (const std::exception&) {
  // It is sent again, then.
}

}  // namespace jetpack::session
