// Appends entries to log files and to the journal.
#include "support/log_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/files.hpp"
#include "support/redact.hpp"
#include "support/text.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

constexpr size_t max_message = 64 << 10;
constexpr mode_t log_mode = 0660;

const char* padded_name(uint32_t level) {
  if (level >= JP_LEVEL_ERROR) return "ERROR   ";
  if (level >= JP_LEVEL_WARNING) return "WARNING ";
  if (level >= JP_LEVEL_INFO) return "INFO    ";
  return "DEBUG   ";
}

std::string one_entry(std::string_view message) {
  std::string text;
  for (const char c : printable(message)) {
    text += c;
    if (c == '\n') text += "    ";
  }
  return text;
}

Fd open_log(const std::string& path) {
  const auto open = [&](int flags) {
    return Fd(::open(path.c_str(),
                     O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, log_mode));
  };
  if (Fd fd = open(0)) return fd;
  Fd fd = open(O_CREAT | O_EXCL);
  if (!fd) return open(0);  // another process was first
  // Members of the group must be able to write, regardless of the creator's umask.
  ::fchmod(fd.get(), log_mode);
  return fd;
}

// Members of the group could link another file into the directory.
bool is_own(const Fd& fd, struct stat& info) {
  return fd && ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink <= 1;
}

// Whether the path still leads to the open file.
bool is_named(const std::string& path, const Fd& fd) {
  struct stat opened {
  }, named{};
  return ::fstat(fd.get(), &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

// Renames a full log file, unless another process has just done so. Where that fails, because a
// directory has the name, empties it: the limit holds in any case. A lock that is held although the
// file is well above its limit is none of another writer: readers can lock too.
void rotate(const std::string& path, const Fd& fd, bool is_well_above) {
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && !is_well_above) return;
  if (is_named(path, fd) && ::rename(path.c_str(), (path + ".1").c_str()) != 0 &&
      ::ftruncate(fd.get(), 0) != 0)
    return;
}

// The log, open for appending and no other file under its name; none when that cannot be had. A
// link to another file, or one that keeps the log under a second name, loses the log's name.
Fd open_own_log(const std::string& path, struct stat& info) {
  Fd fd = open_log(path);
  if (is_own(fd, info)) return fd;
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink < 2)
    return {};
  if (is_named(path, fd)) ::unlink(path.c_str());
  fd = open_log(path);
  if (!is_own(fd, info)) return {};
  return fd;
}

std::string line_of(SystemTime time, uint32_t level, std::string_view masked_message) {
  return log_time(time) + ' ' + padded_name(level) + ' ' + one_entry(masked_message) + '\n';
}

}  // namespace

void LogFile::write(uint32_t level, std::string_view message) const noexcept {
  try {
    LogEntry entry{level, std::string(message), {}};
    if (origin_ && is_for_journal(level)) entry.origin = origin_();
    write({std::move(entry)});
  } catch (...) {
    // By contract, a failure to log is never an error.
  }
}

void LogFile::write(const std::vector<LogEntry>& entries) const noexcept {
  try {
    const auto now = std::chrono::system_clock::now();
    std::string lines;
    for (const auto& entry : entries) {
      const std::string text = redact(beginning_of(entry.message, max_message));
      lines += line_of(now, entry.level, text);
      if (origin_ && is_for_journal(entry.level))
        write_to_journal(entry.level, printable(text), entry.origin);
    }
    if (!lines.empty()) append(lines);
  } catch (...) {
    // As above.
  }
}

void LogFile::append(std::string_view lines) const noexcept {
  try {
    struct stat info {};
    Fd fd = open_own_log(path_, info);
    if (!fd) return;
    if (static_cast<uint64_t>(info.st_size) >= max_bytes_) {
      rotate(path_, fd, static_cast<uint64_t>(info.st_size) >= max_bytes_ + max_bytes_ / 4);
      fd = open_own_log(path_, info);
      if (!fd) return;
    }
    // With O_APPEND each write is atomic: lines of several processes do not mix.
    write_all(fd.get(), lines);
  } catch (...) {
    // As above.
  }
}

LogOrigin origin_of_node(const Config& config, std::string verb) {
  LogOrigin origin{std::move(verb)};
  // A string alone: null is no name.
  const auto text = [&](const char* key) {
    const auto value = config.get(key, Format::json);
    return value && value->size() > 2 && value->front() == '"' ? value->substr(1, value->size() - 2)
                                                               : std::string();
  };
  try {
    origin.cluster = text("cyclecloud.cluster.name");
    origin.node = text("cyclecloud.node.name");
  } catch (const Error&) {
    // What is logged may be just that.
  }
  return origin;
}

LogFile node_log(const Config& config, const std::string& name, std::string verb) {
  return LogFile(config.path("logs/" + name + ".log"), LogFile::default_max_bytes,
                 [config, verb = std::move(verb)] { return origin_of_node(config, verb); });
}

}  // namespace jetpack::support
