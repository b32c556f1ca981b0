// Everything that differs between SQLite and PostgreSQL.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "store/sql.hpp"

namespace jetpack::hub {

enum class Dialect { sqlite, postgresql };
Dialect dialect_of(SqlSession& session);

// The address of a database.
struct DatabaseAddress {
  Dialect dialect = Dialect::sqlite;
  std::string connection;  // as Poco's connector wants it
  std::string shown;       // for people: without the password
  std::string host;        // "" for SQLite
  uint16_t port = 0;
  // Of PostgreSQL, for its own programs: what can be on a command line, and what cannot.
  std::string public_connection, password;
};

DatabaseAddress sqlite_address(const std::filesystem::path& file);

// "postgresql://USER:PASSWORD@HOST:PORT/DATABASE[?sslmode=...]"; throws Errc::usage.
DatabaseAddress postgresql_address(std::string_view url);

// Whether the database failed, with this error, because its disk is full.
bool is_for_lack_of_space(const DatabaseAddress& address, std::string_view error);

// A new connection. Throws Poco::Exception, or Error for a file that cannot be created.
std::unique_ptr<SqlSession> open_session(const DatabaseAddress& address);

// A transaction that locks for writing at once: two writers wait for each other instead of
// failing half-way.
void begin(SqlSession& session, Dialect dialect);
void commit(SqlSession& session, Dialect dialect);
void rollback(SqlSession& session, Dialect dialect);

// Within a transaction: keeps all others from creating or changing tables until its end.
void lock_schema(SqlSession& session, Dialect dialect);
// A setting of this connection to PostgreSQL, where its version has it.
void set_if_known(SqlSession& session, std::string_view name, std::string_view value);
bool has_table(SqlSession& session, Dialect dialect, std::string_view table);

// SQL of a table's definition, where {id} stands for "the primary key, a number". A definition that
// begins with {sqlite} or {postgresql} is for that one alone, for the other it is "".
std::string definition(Dialect dialect, std::string_view sql);

}  // namespace jetpack::hub
