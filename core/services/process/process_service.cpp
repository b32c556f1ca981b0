// jetpack.process/1: scripts with a deadline, bounded capture, and nothing left behind.
#include "services/process/process_service.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include <jetpack/boundary.hpp>
#include "services/process/running.hpp"
#include "services/results.hpp"
#include "services/self/cancellation.hpp"

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

Task to_task(const jp_process_spec& spec) {
  if (spec.argc == 0) throw Error(Errc::usage, "a process needs at least a program to run");
  Task task;
  for (uint32_t i = 0; i < spec.argc; ++i) {
    task.argv.push_back(owned(spec.argv[i]));
    if (task.argv.back().find('\0') != std::string::npos)
      throw Error(Errc::usage, "an argument of the process holds a NUL byte");
  }
  task.env = environment(spec);
  task.directory = owned(spec.directory);
  task.deadline_ms = spec.deadline_ms;
  task.grace_ms = spec.grace_ms > 0 ? spec.grace_ms : default_grace_ms;
  task.leaves_daemons = (spec.flags & JP_PROCESS_LEAVE_DAEMONS) != 0;
  return task;
}

void give(const jp_sink& sink, std::string_view text) {
  if (sink.write != nullptr) write_to(sink, text, "the caller could not take the script's output");
}

// The sinks of the specification, which older callers do not have.
Running::Stream stream_to(const jp_process_spec& spec, const jp_sink& sink) {
  const auto* end = reinterpret_cast<const char*>(&sink + 1);
  const bool is_there =
      static_cast<size_t>(end - reinterpret_cast<const char*>(&spec)) <= spec.size;
  if (!is_there || sink.write == nullptr) return {};
  return [sink](std::string_view piece) { give(sink, piece); };
}

std::unique_ptr<Running> started(const jp_process_spec& spec) {
  const auto capacity = static_cast<size_t>(
      std::min(spec.capture_bytes > 0 ? spec.capture_bytes : default_capture, max_capture));
  return std::make_unique<Running>(to_task(spec), boundary::view(spec.input), capacity,
                                   stream_to(spec, spec.out), stream_to(spec, spec.err_out));
}

void hand_out_result(const Running& running, jp_process_result* result, const jp_sink& out,
                     const jp_sink& err_out) {
  const Report& report = running.report();
  jp_process_result answer{};
  answer.exit_code = report.exit_code;
  answer.signal = report.signal;
  answer.timed_out = report.timed_out;
  answer.killed = report.killed;
  answer.left = report.left;
  answer.left_pid = report.left_pid;
  answer.out_bytes = running.out().total();
  answer.err_bytes = running.err().total();
  answer.elapsed_ms = running.elapsed().count();
  hand_out(answer, result);
  give(out, running.out().text());
  give(err_out, running.err().text());
}

int32_t run(void*, const jp_process_spec* spec, jp_process_result* result, jp_sink out,
            jp_sink err_out, jp_error* error) {
  return boundary::guard(error, [&] {
    const auto running = started(*spec);
    bool is_ending = false;
    while (!running->advance()) {
      if (!is_ending && arrived_signal() != 0) {
        running->end();
        is_ending = true;
      }
      pollfd events[] = {{running->descriptor(), POLLIN, 0},
                         {is_ending ? -1 : cancellation_descriptor(), POLLIN, 0}};
      ::poll(events, 2, -1);
    }
    hand_out_result(*running, result, out, err_out);
  });
}

Running& running_of(void* process) { return *static_cast<Running*>(process); }

int32_t start(void*, const jp_process_spec* spec, void** process, jp_error* error) {
  return boundary::guard(error, [&] { *process = started(*spec).release(); });
}

int32_t poll_descriptor(void*, void* process) { return running_of(process).descriptor(); }

int32_t result_of(void*, void* process, jp_process_result* result, jp_sink out, jp_sink err_out,
                  jp_error* error) {
  bool has_ended = false;
  const int32_t status = boundary::guard(error, [&] {
    has_ended = running_of(process).advance();
    if (has_ended) hand_out_result(running_of(process), result, out, err_out);
  });
  if (status != JP_OK || has_ended) return status;
  return boundary::fill(error, JP_UNAVAILABLE, "the process is still running");
}

void end(void*, void* process) { running_of(process).end(); }

void release(void*, void* process) { delete static_cast<Running*>(process); }

}  // namespace

const jp_process& process_service() {
  static constexpr jp_process table{sizeof(jp_process), 0,         nullptr, run,    start,
                                    poll_descriptor,    result_of, end,     release};
  return table;
}

}  // namespace jetpack
