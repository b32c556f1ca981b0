// Runs one script, with its output in a file.
#include "converge/runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/open_below.hpp"
#include "support/redact.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::converge {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr unsigned output_mode = 0640;
constexpr size_t max_tail = 8192;
constexpr int most_lines = 40;
constexpr int tick_ms = 200;
// Sends a program's output to the file whose path is $0.
constexpr const char* redirection = R"(exec "$@" >>"$0" 2>&1)";

std::string read_at(int fd, off_t from, size_t most) {
  std::string text(most, '\0');
  const ssize_t size = ::pread(fd, text.data(), text.size(), from);
  text.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
  return text;
}

std::string last_lines(std::string text, bool is_all) {
  // Without the line that is cut, unless it is the only one.
  if (const size_t end = text.find('\n'); !is_all && end < text.size() - 1) text.erase(0, end + 1);
  size_t from = text.size();
  for (int lines = 0; lines <= most_lines && from != std::string::npos && from > 0; ++lines)
    from = text.rfind('\n', from - 1);
  return from == std::string::npos || from == 0 ? text : text.substr(from + 1);
}

}  // namespace

OutputFile::OutputFile(const std::string& logs, const std::string& name)
    : path_(logs + '/' + name) {
  const size_t start = name.rfind('/') + 1;  // 0 where there is none
  const support::Fd root(::open(logs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const support::Fd directory = root ? support::create_directories_below(
                                           root.get(), name.substr(0, start == 0 ? 0 : start - 1))
                                     : support::Fd();
  if (!directory) support::fail_on_file("create the directory of", path_, errno);
  const std::string file = name.substr(start);
  if (::unlinkat(directory.get(), file.c_str(), 0) != 0 && errno != ENOENT)
    support::fail_on_file("replace", path_, errno);
  file_ = support::Fd(::openat(directory.get(), file.c_str(),
                               O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                               output_mode));
  if (!file_) support::fail_on_file("create", path_, errno);
}

std::string OutputFile::read_more() {
  constexpr size_t piece = 64 << 10;
  std::string text = read_at(file_.get(), read_, piece);
  read_ += static_cast<off_t>(text.size());
  return text;
}

std::string OutputFile::tail() const {
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) return {};
  // More than is shown, so that a secret is masked whose name is before the part that is.
  const auto most = static_cast<off_t>(2 * max_tail);
  std::string text = support::redact(support::well_formed(
      read_at(file_.get(), std::max<off_t>(0, info.st_size - most), 2 * max_tail)));
  const bool is_all = info.st_size <= most && text.size() <= max_tail;
  if (text.size() > max_tail) text.erase(0, text.size() - max_tail);
  return support::printable(support::well_formed(last_lines(std::move(text), is_all)));
}

Ran run_task(const Process& process, const Task& task, const OutputFile& output, const Tick& tick) {
  ProcessSpec spec;
  spec.argv = {
      "/bin/sh", "-c", redirection,
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(output.descriptor())};
  spec.argv.insert(spec.argv.end(), task.argv.begin(), task.argv.end());
  spec.env = task.env;
  spec.directory = task.directory;
  spec.leave_daemons = true;
  auto running = process.start(std::move(spec));
  const auto start = Clock::now();
  tick(milliseconds{0});
  for (;;) {
    if (const auto result = running.result()) {
      if (!result->err.empty()) support::write_all(output.descriptor(), result->err);
      return {result->signal != 0 ? -result->signal : result->exit_code, result->elapsed};
    }
    pollfd event{running.descriptor(), POLLIN, 0};
    if (::poll(&event, 1, tick_ms) == 0)
      tick(std::chrono::duration_cast<milliseconds>(Clock::now() - start));
  }
}

}  // namespace jetpack::converge
