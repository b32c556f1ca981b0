// The tables of run/outbox.db, and messages as their rows.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "services/session/database.hpp"
#include "services/session/outbox.hpp"

namespace jetpack::session {

inline constexpr std::chrono::milliseconds busy_timeout{10000};
// A database that is checked or read as a whole may be as large as the cap.
inline constexpr std::chrono::milliseconds longest_check{60000};
// Held alone by the process that moves the database aside, together by all that open it.
inline constexpr int64_t page_size = 4096;
// With its parameter, whether a row has this id, whatever a damaged file has in the column.
inline constexpr const char* same_id = "coalesce(CAST(id AS BLOB), x'') = CAST(? AS BLOB)";
inline constexpr const char* place_lock = "outbox.place.lock";

// Creates or upgrades the tables, one process at a time; `directory` is the run directory. Throws
// Errc::unsupported for a newer version, and unavailable when it waited that long for others.
void prepare_schema(Database& database, const std::string& path, const std::string& directory,
                    std::chrono::milliseconds longest_wait);

// What a query for messages begins with: whole rows, or those of a database without letters.
std::string select_any(const std::string& source);
std::string select_messages(const std::string& source);

// The row of such a query as a message.
Message any_at(const Statement& row);
Message message_at(const Statement& row);
// The bytes of data in a row of select_any.
uint64_t data_size(const Statement& row);

int64_t number(Kind kind);

// Stores the message and returns its place in the order. Within a transaction when it is a letter.
int64_t insert(Database& database, const Message& message);

// Where a letter was to go, for people; empty for a message.
std::string target_of(const Message& message);

// {"depth", "bytes", "oldest", "dead"}: see jp_session.outbox. `waiting` follows FROM to get what
// waits, with its letters.
std::string status_json(Database& database, const std::string& waiting);

}  // namespace jetpack::session
