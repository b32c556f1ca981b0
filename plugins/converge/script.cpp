// Makes scripts runnable, and decides how they are run.
#include "converge/script.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/script_interpreter.hpp"
#include "support/sha256.hpp"
#include "support/text.hpp"
#include "support/trust.hpp"
#include "support/utf8.hpp"

namespace jetpack::converge {

namespace {

// Larger ones are archives that extract themselves.
constexpr uint64_t max_text = 4 << 20;
constexpr unsigned others_can_write = S_IWGRP | S_IWOTH;

[[noreturn]] void deny(const std::string& why) { throw Error(Errc::denied, why); }

std::string hex(const support::Sha256Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

std::string streamed_sha256(const std::string& path) {
  const support::Fd file = support::open_file(path);
  support::Sha256 hash;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) support::fail_on_file("read", path, errno);
    if (size == 0) return hex(hash.finish());
    hash.update({buffer.data(), static_cast<size_t>(size)});
  }
}

// nullopt for a large file.
std::optional<std::string> text_of_script(const std::string& path) {
  const support::Fd file = support::open_file(path);
  if (!file) support::fail_on_file("read", path, ENOENT);
  return support::read_bounded(file.get(), max_text, path);
}

std::string resolved(const std::string& path) {
  std::array<char, PATH_MAX> real{};
  if (::realpath(path.c_str(), real.data()) == nullptr) support::fail_on_file("find", path, errno);
  return real.data();
}

class Preparation {
 public:
  Preparation(const std::string& root, const std::string& path)
      : root_(resolved(root)), path_(path), file_(resolved(path)) {}

  Prepared prepare() {
    check_writers();
    convert();
    choose();
    return std::move(result_);
  }

 private:
  // That nobody but root, or us, could have written it, or can until it is run.
  void check_writers() {
    if (!file_.starts_with(root_ + '/')) {
      support::trusted_path(file_);
      return;
    }
    for (size_t end = root_.size(); end != std::string::npos; end = file_.find('/', end + 1))
      check_owner(file_.substr(0, end));
    check_owner(file_);
  }

  void check_owner(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) support::fail_on_file("find", path, errno);
    if (info.st_uid != 0 && info.st_uid != ::geteuid())
      deny(path + " belongs to uid " + std::to_string(info.st_uid) +
           ", who could have written what root would run; chown root it");
    const unsigned mode = info.st_mode & 07777U;
    if ((mode & others_can_write) == 0) return;
    if (::chmod(path.c_str(), mode & ~others_can_write) != 0)
      support::fail_on_file("change the mode of", path, errno);
    result_.notes.push_back(path + " was writable by others: removed that permission");
  }

  void convert() {
    const auto text = text_of_script(file_);
    const auto converted = text ? without_windows_marks(*text) : std::nullopt;
    if (!converted) return;
    try {
      support::write_durably(file_, *converted, 0755);
    } catch (const Error& e) {
      throw Error(e.code(),
                  "has Windows line ends (CRLF) or a byte order mark, and cannot be "
                  "converted: " +
                      std::string(e.what()) + "; dos2unix it in the project");
    }
    result_.notes.push_back("Converted " + path_ +
                            ": it has Windows line ends (CRLF) or a byte order mark");
  }

  void choose() {
    const std::string line = support::first_line_of(file_);
    if (line.starts_with("#!")) {
      if (line.ends_with('\r')) deny("has Windows line ends (CRLF); dos2unix it in the project");
      result_.argv = support::interpreter_in(line);
    } else if (support::is_elf(line)) {
      struct statvfs mounted {};
      if (::statvfs(file_.c_str(), &mounted) == 0 && (mounted.f_flag & ST_NOEXEC) != 0)
        deny("is a program on a file system that is mounted noexec");
    } else {
      result_.argv = {::access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh"};
    }
    // By the name that $0 is to have.
    result_.argv.push_back(path_);
  }

  std::string root_;
  const std::string& path_;
  std::string file_;  // without symbolic links
  Prepared result_;
};

}  // namespace

std::optional<std::string> without_windows_marks(std::string_view content) {
  const bool has_mark = content.starts_with(support::byte_order_mark);
  if (has_mark) content.remove_prefix(support::byte_order_mark.size());
  const size_t end = content.find('\n');
  const bool is_dos = end != std::string_view::npos && end > 0 && content[end - 1] == '\r';
  if (!has_mark && !is_dos) return std::nullopt;
  std::string text;
  for (size_t i = 0; i < content.size(); ++i)
    if (!is_dos || content[i] != '\r' || (i + 1 < content.size() && content[i + 1] != '\n'))
      text += content[i];
  return text;
}

std::string script_sha256(const std::string& path) {
  const auto text = text_of_script(path);
  if (!text) return streamed_sha256(path);
  const auto converted = without_windows_marks(*text);
  return support::sha256_hex(converted ? *converted : *text);
}

void make_executable(const std::string& root, const std::string& path) {
  std::array<char, PATH_MAX> real_root{}, real{};
  if (::realpath(root.c_str(), real_root.data()) == nullptr ||
      ::realpath(path.c_str(), real.data()) == nullptr ||
      !std::string_view(real.data()).starts_with(std::string(real_root.data()) + '/'))
    return;
  struct stat info {};
  if (::stat(real.data(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & S_IXUSR) == 0)
    ::chmod(real.data(), (info.st_mode & 07777U) | S_IXUSR);
}

Prepared prepare_script(const std::string& root, const std::string& path) {
  return Preparation(root, path).prepare();
}

}  // namespace jetpack::converge
