// jetpack.process/1: scripts with a deadline, bounded capture, and nothing left behind.
#include "services/process/process_service.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <jetpack/boundary.hpp>
#include "services/process/capture.hpp"
#include "services/process/keeper.hpp"
#include "services/results.hpp"

namespace jetpack {

namespace {

constexpr uint64_t default_capture = 128 << 10;
constexpr uint64_t max_capture = 64 << 20;
constexpr int64_t default_grace_ms = 2000;

std::string owned(jp_str text) { return std::string(boundary::view(text)); }

// Where programs of root's children are searched: the caller's PATH may begin anywhere.
constexpr const char* root_path =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The caller's environment with the specified one on top. Root's has a fixed PATH.
std::vector<std::string> environment(const jp_process_spec& spec) {
  std::vector<std::string> all;
  for (uint32_t i = 0; i < spec.env_count; ++i) {
    all.push_back(owned(spec.env[i]));
    if (all.back().find('=') == std::string::npos)
      throw Error(Errc::usage, "'" + all.back() + "' is not NAME=VALUE");
  }
  const auto sets_path = [](const std::string& entry) { return entry.starts_with("PATH="); };
  if (::geteuid() == 0 && std::none_of(all.begin(), all.end(), sets_path))
    all.emplace_back(root_path);
  const size_t added = all.size();
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (size_t i = 0; i < added; ++i) replaced |= all[i].starts_with(name);
    if (!replaced) all.emplace_back(text);
  }
  return all;
}

KeeperTask to_task(const jp_process_spec& spec) {
  if (spec.argc == 0) throw Error(Errc::usage, "a process needs at least a program to run");
  KeeperTask task;
  for (uint32_t i = 0; i < spec.argc; ++i) {
    task.argv.push_back(owned(spec.argv[i]));
    if (task.argv.back().find('\0') != std::string::npos)
      throw Error(Errc::usage, "an argument of the process holds a NUL byte");
  }
  task.env = environment(spec);
  task.directory = owned(spec.directory);
  task.deadline_ms = spec.deadline_ms;
  task.grace_ms = spec.grace_ms > 0 ? spec.grace_ms : default_grace_ms;
  return task;
}

// A descriptor from which the script reads `input`.
support::Fd input_file(jp_str input) {
  if (input.size == 0) return support::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  support::Fd file(::memfd_create("input", MFD_CLOEXEC));
  if (!file || ::write(file.get(), input.data, input.size) != static_cast<ssize_t>(input.size) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0)
    throw Error(Errc::unavailable,
                "cannot hold the script's input: " + support::system_message(errno));
  return file;
}

// Reads what is there; false at the end.
bool drain(const support::Fd& fd, Capture& capture) {
  std::array<char, 65536> buffer;
  const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
  if (size < 0) return errno == EINTR || errno == EAGAIN;
  capture.append({buffer.data(), static_cast<size_t>(size)});
  return size > 0;
}

// Reads both streams until the keeper reports, and then what is still in the pipes.
KeeperReport collect(const Keeper& keeper, support::Fd& out, Capture& out_capture, support::Fd& err,
                     Capture& err_capture) {
  KeeperReport report;
  report.start_error = ECHILD;
  for (bool reported = false; !reported || out || err;) {
    pollfd events[] = {{out.get(), POLLIN, 0},
                       {err.get(), POLLIN, 0},
                       {reported ? -1 : keeper.report.get(), POLLIN, 0}};
    if (::poll(events, 3, -1) < 0) continue;
    if (events[0].revents != 0 && !drain(out, out_capture)) out.close();
    if (events[1].revents != 0 && !drain(err, err_capture)) err.close();
    if (events[2].revents == 0) continue;
    reported = true;
    KeeperReport read;
    if (::read(keeper.report.get(), &read, sizeof read) == sizeof read) report = read;
  }
  return report;
}

[[noreturn]] void could_not_start(const KeeperTask& task, int error) {
  const Errc code = error == ENOENT || error == ENOTDIR ? Errc::not_found
                    : error == EACCES || error == EPERM ? Errc::denied
                                                        : Errc::failed;
  std::string text = "cannot run " + task.argv[0] + ": " + support::system_message(error);
  if (error == EACCES) text += "; is it executable, and its file system not mounted noexec?";
  if (error == ENOEXEC) text += "; does it begin with #! and an interpreter?";
  throw Error(code, text);
}

void give(const jp_sink& sink, const std::string& text) {
  if (sink.write != nullptr) write_to(sink, text, "the caller could not take the script's output");
}

int32_t run(void*, const jp_process_spec* spec, jp_process_result* result, jp_sink out,
            jp_sink err_out, jp_error* error) {
  return boundary::guard(error, [&] {
    const auto start = std::chrono::steady_clock::now();
    const KeeperTask task = to_task(*spec);
    const auto capacity = static_cast<size_t>(
        std::min(spec->capture_bytes > 0 ? spec->capture_bytes : default_capture, max_capture));
    Capture out_capture(capacity), err_capture(capacity);
    auto [out_read, out_write] = make_pipe();
    auto [err_read, err_write] = make_pipe();
    const Keeper keeper = start_keeper(task, input_file(spec->input), out_write, err_write);
    out_write.close();
    err_write.close();
    const KeeperReport report = collect(keeper, out_read, out_capture, err_read, err_capture);
    while (::waitpid(keeper.pid, nullptr, 0) < 0 && errno == EINTR) continue;
    if (report.start_error != 0) could_not_start(task, report.start_error);

    result->exit_code = report.exit_code;
    result->signal = report.signal;
    result->timed_out = report.timed_out;
    result->killed = report.killed;
    result->out_bytes = out_capture.total();
    result->err_bytes = err_capture.total();
    result->elapsed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::steady_clock::now() - start)
                             .count();
    give(out, out_capture.text());
    give(err_out, err_capture.text());
  });
}

}  // namespace

const jp_process& process_service() {
  static constexpr jp_process table{sizeof(jp_process), 0, nullptr, run};
  return table;
}

}  // namespace jetpack
