// Watches for queued messages and for changes of the configuration's files.
#include "jetpackd/watcher.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;

constexpr std::string_view outbox_prefix = "outbox.db";

bool configures_the_connection(std::string_view name) {
  return name == "connection.json" || name == "jetpack.ini" || name == "ca.pem";
}

bool is_part_of_node_json(std::string_view name) {
  return name == "configuration.json" || name == "properties.json" || name == "attributes.json" ||
         name == "facts.json" || name == "local.json";
}

int start_inotify() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0)
    throw Error(Errc::unavailable, "cannot watch files: " + support::system_message(errno));
  return fd;
}

int watch(int fd, const std::string& directory, uint32_t mask) {
  const int number = ::inotify_add_watch(fd, directory.c_str(), mask | IN_ONLYDIR);
  if (number < 0)
    throw Error(Errc::unavailable,
                "cannot watch " + directory + ": " + support::system_message(errno));
  return number;
}

}  // namespace

Watcher::Watcher(boost::asio::io_context& loop, const std::string& run_directory,
                 const std::string& config_directory, Events events)
    : events_(std::move(events)),
      inotify_(loop, start_inotify()),
      run_watch_(watch(inotify_.native_handle(), run_directory,
                       IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO)) {
  watch(inotify_.native_handle(), config_directory, IN_CLOSE_WRITE | IN_MOVED_TO);
  wait();
}

void Watcher::wait() {
  inotify_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (error) return;
                        read();
                        wait();
                      });
}

void Watcher::read() {
  bool queued = false, configured = false, changed = false, merged = false, conditions = false;
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t size = ::read(inotify_.native_handle(), buffer.data(), buffer.size());
    if (size <= 0) break;
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = event.len > 0 ? buffer.data() + at + sizeof event : "";
      at += static_cast<ssize_t>(sizeof event + event.len);
      // The kernel dropped events; assume all.
      if ((event.mask & IN_Q_OVERFLOW) != 0)
        queued = configured = changed = merged = conditions = true;
      if (event.wd == run_watch_) {
        queued = queued || std::string_view(name).starts_with(outbox_prefix);
        conditions = conditions || std::string_view(name) == "conditions.json";
      } else {
        configured = configured || configures_the_connection(name);
        changed = changed || is_part_of_node_json(name);
        merged = merged || std::string_view(name) == "node.json";
      }
    }
  }
  if (changed) events_.changed();
  if (merged) events_.merged();
  if (conditions) events_.conditions();
  if (configured) {
    events_.configured();
  } else if (queued) {
    events_.queued();
  }
}

}  // namespace jetpack::jetpackd
