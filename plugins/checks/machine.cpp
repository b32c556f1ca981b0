// The machine that is checked: its sysfs, proc and kernel log.
#include "checks/machine.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/text.hpp"

namespace jetpack::checks {

namespace {

constexpr uint64_t max_file = 4 << 20;
constexpr size_t max_messages = 100'000;

std::optional<int64_t> number_in(std::string_view text) {
  int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "6,339,5140900,-;message", and lines that begin with a blank for what belongs to it.
std::optional<KernelMessage> parsed(std::string_view record) {
  const size_t end = record.find(';');
  if (end == std::string_view::npos || record[0] == ' ') return std::nullopt;
  std::string_view head = record.substr(0, end);
  for (int i = 0; i < 2; ++i) {
    const size_t comma = head.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    head.remove_prefix(comma + 1);
  }
  const auto time = number_in(head.substr(0, head.find(',')));
  if (!time) return std::nullopt;
  const std::string_view text = record.substr(end + 1);
  return KernelMessage{std::chrono::microseconds(*time),
                       support::one_line(text.substr(0, text.find('\n')))};
}

// Each read of the device gives one record, which one of a recorded log does not.
std::vector<std::string> records_of(const Machine& machine, bool& is_readable) {
  std::vector<std::string> records;
  if (machine.is_recorded()) {
    const auto text = machine.text("/dev/kmsg");
    is_readable = text.has_value();
    std::string_view rest = text ? std::string_view(*text) : std::string_view();
    while (!rest.empty()) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      records.emplace_back(line);
    }
    return records;
  }
  const support::Fd log(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  is_readable = static_cast<bool>(log);
  std::string buffer(8192, '\0');
  while (is_readable && records.size() < max_messages) {
    const ssize_t size = ::read(log.get(), buffer.data(), buffer.size());
    // It was overwritten while it was read: the next one is there.
    if (size < 0 && (errno == EPIPE || errno == EINTR)) continue;
    if (size <= 0) break;
    records.emplace_back(buffer.data(), static_cast<size_t>(size));
  }
  return records;
}

}  // namespace

Machine Machine::find() {
  const char* root = std::getenv("JETPACK_CHECKS_ROOT");
  return Machine(root != nullptr ? root : "");
}

std::string Machine::path(std::string_view absolute) const {
  return std::string(root_).append(absolute);
}

std::optional<std::string> Machine::text(std::string_view absolute) const {
  try {
    const auto content = support::read_file(path(absolute), max_file);
    if (!content) return std::nullopt;
    return std::string(support::trimmed(*content));
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<int64_t> Machine::number(std::string_view absolute) const {
  const auto content = text(absolute);
  return content ? number_in(*content) : std::nullopt;
}

std::vector<std::string> Machine::names(std::string_view absolute) const {
  std::vector<std::string> names;
  const support::Directory directory(::opendir(path(absolute).c_str()));
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr)
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

std::chrono::milliseconds Machine::uptime() const {
  const std::string content = text("/proc/uptime").value_or("");
  const double seconds = std::strtod(content.c_str(), nullptr);
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// Recorded as lines of "MOUNT_POINT BLOCKS FREE FILES FREE_FILES" in /df.
std::optional<Usage> Machine::usage(const std::string& mount_point) const {
  if (!is_recorded()) {
    struct statvfs info {};
    if (::statvfs(mount_point.c_str(), &info) != 0) return std::nullopt;
    return Usage{info.f_blocks, info.f_bavail, info.f_files, info.f_favail};
  }
  const std::string content = text("/df").value_or("");
  for (size_t start = 0; start < content.size();) {
    const size_t end = std::min(content.find('\n', start), content.size());
    const auto parts = fields(std::string_view(content).substr(start, end - start));
    start = end + 1;
    if (parts.size() != 5 || parts[0] != mount_point) continue;
    const auto at = [&](size_t i) {
      return static_cast<uint64_t>(number_in(parts[i]).value_or(0));
    };
    return Usage{at(1), at(2), at(3), at(4)};
  }
  return std::nullopt;
}

// Recorded as "STATUS MAX_ERROR" in /adjtimex.
std::optional<KernelClock> Machine::clock() const {
  timex state{};
  if (is_recorded()) {
    const std::string content = text("/adjtimex").value_or("");
    const auto parts = fields(content);
    if (parts.size() != 2) return std::nullopt;
    state.status = static_cast<int>(number_in(parts[0]).value_or(STA_UNSYNC));
    state.maxerror = number_in(parts[1]).value_or(0);
  } else if (::adjtimex(&state) < 0) {
    return std::nullopt;
  }
  return KernelClock{(state.status & STA_UNSYNC) == 0, std::chrono::microseconds(state.maxerror)};
}

std::optional<std::vector<KernelMessage>> kernel_messages(const Machine& machine,
                                                          std::chrono::milliseconds window) {
  bool is_readable = false;
  const auto records = records_of(machine, is_readable);
  if (!is_readable) return std::nullopt;
  const auto first = machine.uptime() - window;
  std::vector<KernelMessage> messages;
  for (const auto& record : records) {
    auto message = parsed(record);
    if (message && message->since_boot >= first) messages.push_back(*std::move(message));
  }
  return messages;
}

std::vector<std::string_view> fields(std::string_view line) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at < line.size();) {
    const size_t start = line.find_first_not_of(" \t", at);
    if (start == std::string_view::npos) break;
    const size_t end = std::min(line.find_first_of(" \t", start), line.size());
    parts.push_back(line.substr(start, end - start));
    at = end;
  }
  return parts;
}

}  // namespace jetpack::checks
