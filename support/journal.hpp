// Entries in systemd's journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jetpack::support {

// Who logs: the fields JETPACK_VERB, JETPACK_CLUSTER and JETPACK_NODE of an entry. What is empty
// is left out.
struct LogOrigin {
  std::string verb = {};
  std::string cluster = {};
  std::string node = {};
};

// Whether there is a journal, and it keeps entries of this JP_LEVEL_x: debug output is left to the
// log file. The journal is at /run/systemd/journal/socket; another path may be in the environment
// variable JETPACK_JOURNAL_SOCKET, and an empty one is none.
bool is_for_journal(uint32_t level) noexcept;

// Sends an entry with SYSLOG_IDENTIFIER=jetpack. May be called from any thread; never fails and
// never waits: an entry that the journal does not take is dropped.
void write_to_journal(uint32_t level, std::string_view message, const LogOrigin& origin) noexcept;

}  // namespace jetpack::support
