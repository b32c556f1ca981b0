// jetpack.log/1: logs/jetpack.log, which callers and log shippers know by name and form.
#include "services/log/agent_log.hpp"

#include <memory>

#include <jetpack/boundary.hpp>
#include "services/results.hpp"
#include "support/redact.hpp"

namespace jetpack {

namespace {

support::StreamRedactor::Out into(const jp_sink& sink) {
  return [&sink](std::string_view text) {
    write_to(sink, text, "what takes the masked text refused it");
  };
}

int32_t open_redactor(void*, void** redactor, jp_error* err) {
  return boundary::guard(
      err, [&] { *redactor = std::make_unique<support::StreamRedactor>().release(); });
}

int32_t feed_redactor(void*, void* redactor, jp_str piece, jp_sink out, jp_error* err) {
  return boundary::guard(err, [&] {
    static_cast<support::StreamRedactor*>(redactor)->feed(boundary::view(piece), into(out));
  });
}

int32_t finish_redactor(void*, void* redactor, jp_sink out, uint64_t* secrets, jp_error* err) {
  return boundary::guard(
      err, [&] { *secrets = static_cast<support::StreamRedactor*>(redactor)->finish(into(out)); });
}

void close_redactor(void*, void* redactor) {
  const std::unique_ptr<support::StreamRedactor> closed(
      static_cast<support::StreamRedactor*>(redactor));
}

}  // namespace

AgentLog::AgentLog(std::string path, support::LogFile::Origin origin)
    : file_(std::move(path), max_bytes, std::move(origin)),
      table_{sizeof(jp_log), 0, this, nullptr, open_redactor, feed_redactor, finish_redactor,
             close_redactor} {
  table_.write = [](void* self, uint32_t level, jp_str message) {
    const auto& log = *static_cast<const AgentLog*>(self);
    if (log.start_.empty()) return log.file_.write(level, boundary::view(message));
    try {
      log.file_.write(level, log.start_ + std::string(boundary::view(message)));
    } catch (...) {
      // By contract, a failure to log is never an error.
    }
  };
}

}  // namespace jetpack
