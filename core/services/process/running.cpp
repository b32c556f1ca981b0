// A script from its start to its result.
#include "services/process/running.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <jetpack/error.hpp>

namespace jetpack {

namespace {

using Clock = std::chrono::steady_clock;

// How often a stream is read before the other has its turn. The last time it is more than a pipe
// holds, so that all is read that was written before the end, and not what a daemon goes on to say.
constexpr int reads_per_turn = 16;

// A descriptor from which the script reads `input`.
support::Fd input_file(std::string_view input) {
  if (input.empty()) return support::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  support::Fd file(::memfd_create("input", MFD_CLOEXEC));
  if (!file || support::write_all(file.get(), input) != 0 || ::lseek(file.get(), 0, SEEK_SET) != 0)
    throw Error(Errc::unavailable,
                "cannot hold the script's input: " + support::system_message(errno));
  return file;
}

[[noreturn]] void could_not_start(const Task& task, int error) {
  const Errc code = error == ENOENT || error == ENOTDIR ? Errc::not_found
                    : error == EACCES || error == EPERM ? Errc::denied
                                                        : Errc::failed;
  std::string text = "cannot run " + task.argv[0] + ": " + support::system_message(error);
  if (error == EACCES) text += "; is it executable, and its file system not mounted noexec?";
  if (error == ENOEXEC) text += "; does it begin with #! and an interpreter?";
  throw Error(code, text);
}

}  // namespace

Running::Running(Task task, std::string_view input, size_t capture_bytes, Stream out, Stream err)
    : task_(std::move(task)),
      out_{{}, Capture(capture_bytes), std::move(out)},
      err_{{}, Capture(capture_bytes), std::move(err)},
      events_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!events_)
    throw Error(Errc::unavailable, "cannot wait for a script: " + support::system_message(errno));
  Pipe out_pipe = make_pipe();
  Pipe err_pipe = make_pipe();
  supervisor_ = start_supervisor(task_, input_file(input), out_pipe.write, err_pipe.write);
  out_.fd = std::move(out_pipe.read);
  err_.fd = std::move(err_pipe.read);
  for (const auto* fd : {&out_.fd, &err_.fd, &supervisor_.report}) watch(*fd);
}

Running::~Running() {
  supervisor_.lifeline.close();
  if (supervisor_.pid > 0)
    while (::waitpid(supervisor_.pid, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Running::watch(const support::Fd& fd) {
  ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0)
    throw Error(Errc::unavailable, "cannot wait for a script: " + support::system_message(errno));
}

// False when nothing more comes, or nothing now.
bool Running::read(Output& output) {
  std::array<char, 65536> buffer;
  ssize_t size = -1;
  do size = ::read(output.fd.get(), buffer.data(), buffer.size());
  while (size < 0 && errno == EINTR);
  if (size > 0) {
    const std::string_view piece(buffer.data(), static_cast<size_t>(size));
    output.capture.append(piece);
    if (output.stream) output.stream(piece);
    return true;
  }
  // Closed, it is no longer waited for.
  if (size == 0 || errno != EAGAIN) output.fd.close();
  return false;
}

void Running::read_report() {
  Report report;
  const ssize_t size = ::read(supervisor_.report.get(), &report, sizeof report);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // Killed, it has killed the script with itself, and reports nothing.
  if (size != sizeof report) report.start_error = ECHILD;
  report_ = report;
  supervisor_.report.close();
  elapsed_ = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start_);
}

bool Running::advance() {
  if (report_) return true;
  read_report();
  for (Output* output : {&out_, &err_})
    for (int i = 0; i < reads_per_turn && output->fd && read(*output); ++i) continue;
  return report_.has_value();
}

void Running::end() {
  [[maybe_unused]] const auto written = ::write(supervisor_.lifeline.get(), "", 1);
}

const Report& Running::report() const {
  if (report_->start_error != 0) could_not_start(task_, report_->start_error);
  return *report_;
}

}  // namespace jetpack
