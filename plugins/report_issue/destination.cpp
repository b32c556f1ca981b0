// The destinations of a report: a local file, or a blob in the locker.
#include "destination.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <jetpack/error.hpp>
#include "support/json.hpp"

namespace jetpack::report_issue {

namespace {

using jetpack::Errc;
using jetpack::Error;

[[noreturn]] void fail(const std::string& path, int error) {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  throw Error(is_full ? Errc::unavailable : Errc::failed,
              "cannot write the report to " + path + ": " + support::system_message(error) +
                  (is_full ? "; choose another location with --output, or reduce --max-size" : ""));
}

std::string create_temporary_directory() {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
  constexpr int attempts = 100;
  const std::string parent = support::temporary_directory();
  for (int i = 0; i < attempts; ++i) {
    std::array<unsigned char, 8> random{};
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
      fail(parent, errno);
    std::string path = parent + "/tmp";
    for (const unsigned char byte : random) path += letters[byte % letters.size()];
    if (::mkdir(path.c_str(), 0700) == 0) return path;
    if (errno != EEXIST) fail(path, errno);
  }
  fail(parent, EEXIST);
}

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

LocalFile::LocalFile(const std::string& output, const std::string& name) {
  if (output == "-") {
    path_ = "standard output";
    fd_ = support::open_output(output);
    return;
  }
  if (output.empty()) {
    own_directory_ = create_temporary_directory();
    path_ = own_directory_ + '/' + name;
  } else {
    path_ = output.ends_with('/')  ? output + name
            : is_directory(output) ? output + '/' + name
                                   : output;
  }
  draft_ = path_ + ".XXXXXX";
  fd_ = support::Fd(::mkostemp(draft_.data(), O_CLOEXEC));  // mode 0600
  if (fd_) return;
  draft_.clear();
  const int error = errno;
  if (!own_directory_.empty()) ::rmdir(own_directory_.c_str());
  fail(path_, error);
}

LocalFile::~LocalFile() {
  if (draft_.empty()) return;
  ::unlink(draft_.c_str());
  if (!own_directory_.empty()) ::rmdir(own_directory_.c_str());
}

// Not synced: after a power failure the report can be created again, and syncing would take longer
// than everything else.
void LocalFile::write(Archive& archive) {
  for (auto bytes = archive.read(); !bytes.empty(); bytes = archive.read())
    if (const int error = support::write_all(fd_.get(), bytes)) fail(path_, error);
  if (draft_.empty()) return;
  if (::rename(draft_.c_str(), path_.c_str()) != 0) fail(path_, errno);
  draft_.clear();
}

std::string address_of(const jetpack::Storage& storage, const std::string& blob) {
  const auto known = storage.properties(blob);
  if (!known)
    throw Error(Errc::unavailable, "cannot find the uploaded blob " + blob + " in the locker");
  return support::text_or(support::parse_json(*known, "the locker's response"), "url", blob);
}

}  // namespace jetpack::report_issue
