// Entries in systemd's journal.
#include "support/journal.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include <jetpack/abi.h>
#include "support/files.hpp"

namespace jetpack::support {

namespace {

constexpr const char* journal_socket = "/run/systemd/journal/socket";

const char* socket_path() noexcept {
  const char* other = std::getenv("JETPACK_JOURNAL_SOCKET");
  return other != nullptr ? other : journal_socket;
}

// As syslog(3) counts.
const char* priority_of(uint32_t level) noexcept {
  if (level >= JP_LEVEL_ERROR) return "3";
  if (level >= JP_LEVEL_WARNING) return "4";
  return "6";
}

void add_field(std::string& entry, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  entry += name;
  if (value.find('\n') == std::string_view::npos) {
    entry += '=';
  } else {
    // With its length, 64 bits little endian.
    entry += '\n';
    for (unsigned bits = 0; bits < 64; bits += 8)
      entry += static_cast<char>(uint64_t{value.size()} >> bits & 0xff);
  }
  entry += value;
  entry += '\n';
}

}  // namespace

bool is_for_journal(uint32_t level) noexcept {
  return level >= JP_LEVEL_INFO && ::access(socket_path(), W_OK) == 0;
}

void write_to_journal(uint32_t level, std::string_view message, const LogOrigin& origin) noexcept {
  try {
    sockaddr_un to{};
    const std::string_view path = socket_path();
    if (path.empty() || path.size() >= sizeof to.sun_path) return;
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, path.data(), path.size());
    std::string entry = "SYSLOG_IDENTIFIER=jetpack\n";
    add_field(entry, "PRIORITY", priority_of(level));
    add_field(entry, "JETPACK_VERB", origin.verb);
    add_field(entry, "JETPACK_CLUSTER", origin.cluster);
    add_field(entry, "JETPACK_NODE", origin.node);
    add_field(entry, "MESSAGE", message);
    const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket)
      ::sendto(socket.get(), entry.data(), entry.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), sizeof to);
  } catch (...) {
    // By contract, a failure to log is never an error.
  }
}

}  // namespace jetpack::support
