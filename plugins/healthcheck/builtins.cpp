// The built-in checks.
#include "healthcheck/builtins.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <optional>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/open_below.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::healthcheck {

namespace {

constexpr uint64_t max_request = 4096;
constexpr size_t most_requests = 1000;
constexpr size_t max_explanation = 1024;

std::chrono::seconds since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec);
}

Outcome unhealthy(const std::string& why) {
  Outcome outcome;
  outcome.state = State::unhealthy;
  outcome.exit_code = unhealthy_code;
  outcome.message = why;
  return outcome;
}

struct Request {
  int64_t time = 0;
  std::string explanation;
};

std::optional<Request> parsed(std::string_view text) {
  const std::string_view first = support::trimmed(text.substr(0, text.find('\n')));
  Request request;
  const char* const end = first.data() + first.size();
  const auto [rest, failure] = std::from_chars(first.data(), end, request.time);
  // Python's time.time() has a fraction.
  const std::string_view fraction(rest, static_cast<size_t>(end - rest));
  const bool is_whole =
      fraction.empty() ||
      (fraction[0] == '.' && std::all_of(fraction.begin() + 1, fraction.end(), support::is_digit));
  if (failure != std::errc{} || !is_whole || request.time < 0) return std::nullopt;
  if (text.find('\n') != std::string_view::npos) {
    std::string_view second = text.substr(text.find('\n') + 1);
    second = support::trimmed(second.substr(0, second.find('\n')));
    request.explanation = support::cut(support::well_formed(second), max_explanation);
  }
  return request;
}

// nullopt for what is not a request. A hard link may be the way to a file of root's.
std::optional<Request> read_request(int directory, const std::string& name) {
  const auto file = support::open_below(directory, name,
                                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                                        support::Links::none);
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1)
    return std::nullopt;
  try {
    const auto text = support::read_bounded(file.get(), max_request, name);
    return text ? parsed(*text) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

// For those who share run/, whatever the umask.
void create_requests(const std::string& directory) {
  constexpr mode_t mode_for_group = 02770;
  if (::geteuid() != 0 || ::mkdir(directory.c_str(), mode_for_group) != 0) return;
  const support::Fd made(
      ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (made && ::fstat(made.get(), &info) == 0 && info.st_uid == 0)
    ::fchmod(made.get(), mode_for_group);
}

}  // namespace

std::chrono::seconds time_to_configure(const std::vector<std::string>& files) {
  auto age = since_boot();
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  for (const auto& file : files) {
    struct stat info {};
    // One that seems to come from the future says nothing.
    if (::stat(file.c_str(), &info) == 0 && info.st_mtime <= now)
      age = std::min(age, std::chrono::seconds(now - info.st_mtime));
  }
  return age;
}

Outcome check_converge_timeout(bool is_configured, std::chrono::seconds timeout,
                               std::chrono::seconds age) {
  if (timeout.count() == 0 || is_configured) return {};
  if (age > timeout)
    return unhealthy("the node was not configured within " + support::short_duration(timeout));
  Outcome outcome;
  outcome.message = "not yet configured; " + support::short_duration(timeout - age) + " left";
  return outcome;
}

Outcome check_scheduled_shutdown(const std::string& directory, support::SystemTime now) {
  Outcome outcome;
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT)
      create_requests(directory);
    else
      outcome.message = directory + ": " + support::system_message(errno);
    return outcome;
  }
  const support::Directory entries(::fdopendir(fd));
  std::optional<Request> earliest;
  std::string ignored;
  size_t count = 0;
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name.starts_with('.') || ++count > most_requests) continue;
    const auto request = read_request(fd, name);
    if (!request) ignored = name;
    if (request && (!earliest || request->time < earliest->time)) earliest = request;
  }
  if (!ignored.empty())
    outcome.message = "ignoring " + support::one_line(ignored) + ": not a scheduled shutdown";
  if (!earliest) return outcome;
  // Within what support::iso_8601 can write.
  constexpr int64_t last = 253402300799;
  const std::string when =
      support::iso_8601_seconds(support::from_unix_ms(std::min(earliest->time, last) * 1000));
  const std::string why = earliest->explanation.empty() ? "" : ": " + earliest->explanation;
  if (support::unix_ms(now) / 1000 > earliest->time)
    return unhealthy("its shutdown was scheduled for " + when + why);
  outcome.message = "scheduled for " + when + why;
  return outcome;
}

}  // namespace jetpack::healthcheck
