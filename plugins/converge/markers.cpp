// Reads and writes markers.
#include "converge/markers.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/random.hpp"
#include "support/text.hpp"

namespace jetpack::converge {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t max_marker = 4096;
constexpr unsigned marker_mode = 0644;
constexpr unsigned marker_directory_mode = 0755;

bool is_of(const std::string& path, const Instance& instance) {
  try {
    const auto text = support::read_file(path, max_marker, support::Sharing::shared);
    if (!text) return false;
    const auto read = support::parse_json(*text, path);
    const Instance written{support::text_or(read, "vm", ""), support::text_or(read, "machine", "")};
    return support::find_member(read, "sha256") != nullptr && is_same(written, instance);
  } catch (const Error&) {
    return false;
  }
}

support::Fd open_marker(const std::string& path) {
  return support::Fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

// All files below, none of links; an unreadable directory has none.
std::vector<fs::path> files_below(const std::string& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator entries(directory, error), end;
  while (!error && entries != end) {
    std::error_code ignored;
    if (!entries->is_directory(ignored) || entries->is_symlink(ignored))
      files.push_back(entries->path());
    entries.increment(error);
  }
  return files;
}

}  // namespace

Markers::Markers(std::string directory) : directory_(std::move(directory)) {
  try {
    const auto text =
        support::read_file(directory_ + "/.disk", max_marker, support::Sharing::shared);
    if (text) disk_ = support::trimmed(*text);
  } catch (const Error&) {
    disk_.clear();
  }
}

void Markers::name_disk() {
  if (!disk_.empty()) return;
  const std::string name = support::random_uuid();
  const std::string path = directory_ + "/.disk";
  ::unlink(path.c_str());
  const support::Fd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, marker_mode));
  if (file && support::write_all(file.get(), name + '\n') == 0) disk_ = name;
}

bool Markers::exists(const std::string& key) const {
  return ::access(path_of(key).c_str(), F_OK) == 0;
}

void Markers::write(const std::string& key, const Record& record, const Instance& instance) const {
  const std::string path = path_of(key);
  const std::string text = support::json_object([&](support::Object& marker) {
    marker.text("script", key)
        .text("sha256", record.sha256)
        .text("version", record.version)
        .text("ended", record.ended)
        .text("vm", instance.vm)
        .text("machine", instance.machine);
  });
  support::create_directories(support::parent_directory(path), marker_directory_mode);
  ::unlink(path.c_str());
  const support::Fd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, marker_mode));
  const int error = file ? support::write_all(file.get(), text + '\n') : errno;
  if (error == 0) return;
  ::unlink(path.c_str());
  support::fail_on_file("write", path, error);
}

std::vector<std::string> Markers::sync(const std::vector<std::string>& keys) const {
  // Begun for all, so that the file system writes them together and the later ones are there.
  for (const auto& key : keys) {
    const support::Fd file = open_marker(path_of(key));
    if (file) ::sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  std::vector<std::string> synced;
  for (const auto& key : keys) {
    const support::Fd file = open_marker(path_of(key));
    if (file && ::fsync(file.get()) == 0) synced.push_back(key);
  }
  return synced;
}

void Markers::remove(const std::string& key) const { ::unlink(path_of(key).c_str()); }

std::vector<std::string> Markers::keys_of(const support::Spec& spec) const {
  const std::string root = directory_ + "/.run/";
  std::vector<std::string> keys;
  for (const auto& file : files_below(root + spec.project + '/' + spec.name)) {
    const std::string path = file.string();
    if (path.ends_with(".run"))
      keys.push_back(path.substr(root.size(), path.size() - root.size() - 4));
  }
  return keys;
}

void Markers::remove_foreign(const Instance& instance) const {
  for (const auto& file : files_below(directory_ + "/.run"))
    if (!is_of(file.string(), instance)) ::unlink(file.c_str());
}

void Markers::remove_all() const {
  for (const auto& file : files_below(directory_ + "/.run")) ::unlink(file.c_str());
}

}  // namespace jetpack::converge
