// jetpack.log/1: logs/jetpack.log, which callers and log shippers know by name and form.
#include "services/log/agent_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include <jetpack/error.hpp>
#include "services/results.hpp"
#include "support/files.hpp"
#include "support/redact.hpp"
#include "support/times.hpp"

namespace jetpack {

namespace {

// A line that is longer than this is cut: the log is for people.
constexpr size_t max_message = 64 << 10;

const char* level_name(uint32_t level) {
  if (level >= JP_LEVEL_ERROR) return "ERROR   ";
  if (level >= JP_LEVEL_WARNING) return "WARNING ";
  if (level >= JP_LEVEL_INFO) return "INFO    ";
  return "DEBUG   ";
}

support::Fd open_log(const std::string& path) {
  const auto open = [&](int flags) {
    return support::Fd(::open(
        path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0660));
  };
  if (support::Fd fd = open(0)) return fd;
  support::Fd fd = open(O_CREAT);
  // Members of the group write here too, whatever the umask of whoever came first.
  if (fd) ::fchmod(fd.get(), 0660);
  return fd;
}

// Renames a full log away, unless somebody else has just done so.
void rotate(const std::string& path, const support::Fd& fd) {
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return;
  struct stat opened {
  }, named{};
  if (::fstat(fd.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
      opened.st_ino == named.st_ino && opened.st_dev == named.st_dev)
    ::rename(path.c_str(), (path + ".1").c_str());
}

std::string one_entry(std::string_view message) {
  std::string text;
  for (const char c : message) {
    if (c == '\n') {
      text += "\n    ";
    } else if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
      text += '?';
    } else {
      text += c;
    }
  }
  return text;
}

support::StreamRedactor::Out into(const jp_sink& sink) {
  return [&sink](std::string_view text) {
    write_to(sink, text, "what takes the masked text refused it");
  };
}

int32_t open_redactor(void*, void** redactor, jp_error* err) {
  return detail::guard(err,
                       [&] { *redactor = std::make_unique<support::StreamRedactor>().release(); });
}

int32_t feed_redactor(void*, void* redactor, jp_str piece, jp_sink out, jp_error* err) {
  return detail::guard(err, [&] {
    static_cast<support::StreamRedactor*>(redactor)->feed(detail::view(piece), into(out));
  });
}

int32_t finish_redactor(void*, void* redactor, jp_sink out, uint64_t* secrets, jp_error* err) {
  return detail::guard(
      err, [&] { *secrets = static_cast<support::StreamRedactor*>(redactor)->finish(into(out)); });
}

void close_redactor(void*, void* redactor) {
  const std::unique_ptr<support::StreamRedactor> closed(
      static_cast<support::StreamRedactor*>(redactor));
}

}  // namespace

AgentLog::AgentLog(std::string path)
    : path_(std::move(path)),
      table_{sizeof(jp_log), 0, this, nullptr, open_redactor, feed_redactor, finish_redactor,
             close_redactor} {
  table_.write = [](void* self, uint32_t level, jp_str message) {
    static_cast<const AgentLog*>(self)->write(level, detail::view(message));
  };
}

void AgentLog::write(uint32_t level, std::string_view message) const noexcept {
  try {
    append(level, message);
  } catch (...) {
    // By contract: a log that cannot be written never fails its caller.
  }
}

void AgentLog::append(uint32_t level, std::string_view message) const {
  support::Fd fd = open_log(path_);
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  if (static_cast<uint64_t>(info.st_size) >= max_bytes) {
    rotate(path_, fd);
    fd = open_log(path_);
    if (!fd) return;
  }
  std::string line = support::log_time(std::chrono::system_clock::now()) + ' ' + level_name(level) +
                     ' ' + one_entry(support::redact(message.substr(0, max_message))) + '\n';
  // One write, so that lines of several processes do not mix.
  while (::write(fd.get(), line.data(), line.size()) < 0 && errno == EINTR) continue;
}

}  // namespace jetpack
