// plugins/audit.log: what was decided about plugins, when, and why.
#include "loader/audit.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "loader/bare_calls.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack {

namespace {

constexpr off_t max_file = 8 << 20;
constexpr size_t max_text = 2048;  // of one member: a line is written at once

std::string shown(std::string_view text) {
  return support::one_line(text.substr(0, std::min(text.size(), max_text)));
}

std::string line_of(const Decision& decision) {
  return support::json_object([&](support::Object& line) {
           line.text("time", support::iso_8601(std::chrono::system_clock::now()))
               .text("verb", shown(decision.verb))
               .text("id", shown(decision.id))
               .text("version", shown(decision.version))
               .text("key", shown(decision.key))
               .text("decision", decision.allowed ? "allowed" : "refused")
               .text("reason", shown(decision.reason))
               .number("user", bare::getuid());
         }) +
         '\n';
}

// O_NONBLOCK: a FIFO in its place must not hold anybody up.
support::Fd open_log(const std::string& path) {
  return support::Fd(::open(
      path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640));
}

bool is_plain_file(const support::Fd& fd, struct stat& info) {
  return fd && ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1;
}

}  // namespace

bool write_audit(const std::string& tree, const Decision& decision) {
  const std::string path = tree + "/plugins/audit.log";
  support::Fd log = open_log(path);
  struct stat info {};
  if (!is_plain_file(log, info)) return false;
  if (info.st_size >= max_file && ::rename(path.c_str(), (path + ".1").c_str()) == 0) {
    log = open_log(path);
    if (!is_plain_file(log, info)) return false;
  }
  return support::write_all(log.get(), line_of(decision)) == 0;
}

}  // namespace jetpack
