// Reading a machine's files, and asking what may hang.
#include "support/facts/parts.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/utf8.hpp"

namespace jetpack::support::facts {

namespace {

// /proc/cpuinfo has 1.5 KiB for each of at most a few thousand processors.
constexpr uint64_t max_fact_file = 16 << 20;
constexpr int wait_after_kill_ms = 100;

// A child that the kernel did not end, or 0.
std::atomic<pid_t> left_child{0};

bool is_gone(pid_t child) {
  const pid_t ended = ::waitpid(child, nullptr, WNOHANG);
  return ended == child || (ended < 0 && errno == ECHILD);
}

// What the child writes until it closes the pipe; nullopt when the deadline passes before.
std::optional<std::string> read_until(int fd, std::chrono::steady_clock::time_point end) {
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd event{fd, POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&event, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(size));
  }
}

void end_child(pid_t child) {
  ::kill(child, SIGKILL);
  for (int waited = 0; !is_gone(child); ++waited) {
    if (waited == wait_after_kill_ms) {
      left_child = child;
      return;
    }
    ::poll(nullptr, 0, 1);
  }
}

}  // namespace

std::string text_of_file(const Sources& sources, const std::string& path) {
  try {
    return well_formed(read_file(sources.root + path, max_fact_file).value_or(""));
  } catch (const Error&) {
    return {};
  }
}

bool exists(const Sources& sources, const std::string& path) {
  return ::access((sources.root + path).c_str(), F_OK) == 0;
}

bool has_program(const Sources& sources, const std::string& name) {
  for (const char* directory : {"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"})
    if (::access((sources.root + directory + name).c_str(), X_OK) == 0) return true;
  return false;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (size_t at = text.find_first_not_of(" \t"); at != std::string_view::npos;) {
    const size_t end = text.find_first_of(" \t", at);
    words.emplace_back(text.substr(at, end - at));
    at = end == std::string_view::npos ? end : text.find_first_not_of(" \t", end);
  }
  return words;
}

std::optional<std::string> ask_in_child(std::chrono::milliseconds deadline,
                                        const std::function<std::string()>& answer) {
  const pid_t left = left_child;
  if (left != 0) {
    if (!is_gone(left)) return std::nullopt;
    left_child = 0;
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    const std::string text = answer();
    ::_exit(write_all(writer.get(), text));
  }
  writer.close();
  auto text = read_until(reader.get(), std::chrono::steady_clock::now() + deadline);
  end_child(child);
  return text;
}

}  // namespace jetpack::support::facts
