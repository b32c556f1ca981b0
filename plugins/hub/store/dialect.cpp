// Everything that differs between SQLite and PostgreSQL.
#include "store/dialect.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <Poco/Data/PostgreSQL/Connector.h>
#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>
#include <Poco/URI.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::hub {

namespace {

// Poco retries this long to open a file that is not a database.
constexpr size_t open_seconds = 1;
constexpr size_t login_seconds = 5;

// Query parameters that are passed to libpq; others could make it read files or run commands.
constexpr std::array<std::string_view, 3> known_parameters = {"sslmode", "sslrootcert",
                                                              "connect_timeout"};

[[noreturn]] void bad_url(const std::string& why) {
  throw Error(Errc::usage, "invalid --database: " + why +
                               "\nExpected postgresql://USER:PASSWORD@HOST:PORT/DATABASE");
}

// KEY='VALUE' as libpq reads it. Poco cuts the whole at spaces.
std::string pair(const std::string& key, const std::string& value) {
  std::string text = key + "='";
  for (const char c : value) {
    if (c <= ' ' || c == 0x7F) bad_url("spaces and control characters are not supported");
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "' ";
}

Poco::URI parse_url(std::string_view url) {
  try {
    return Poco::URI(std::string(url));
  } catch (const Poco::Exception&) {
    bad_url("not a URL");
  }
}

// Poco leaks some kilobytes for each connection that fails, so first check that a server
// listens.
void expect_listener(const DatabaseAddress& address) {
  Poco::Net::StreamSocket socket;
  socket.connect(Poco::Net::SocketAddress(address.host, address.port),
                 Poco::Timespan(login_seconds, 0));
}

void tune(SqlSession& session, Dialect dialect) {
  if (dialect == Dialect::sqlite) {
    execute(session, "PRAGMA busy_timeout = 20000");
    execute(session, "PRAGMA journal_mode = WAL");
    execute(session, "PRAGMA synchronous = FULL");
    // A large batch fits into memory until it is committed, and the log is copied into the database
    // after some of them rather than after each.
    execute(session, "PRAGMA cache_size = -16384");
    execute(session, "PRAGMA wal_autocheckpoint = 4096");
  } else {
    execute(session, "SET statement_timeout = '30s'");
    execute(session, "SET idle_in_transaction_session_timeout = '30s'");
    execute(session, "SET client_min_messages = 'error'");
    // Its statements are short.
    set_if_known(session, "jit", "off");
  }
}

// It holds password hashes; SQLite gives its side files the same mode. An existing file is not
// opened: to close it again would end the locks that SQLite has on it in this process.
void make_private(const std::string& file) {
  const support::Fd made(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made && errno != EEXIST)
    throw Error(Errc::failed, "failed to open the hub database " + file + ": " +
                                  std::generic_category().message(errno));
}

}  // namespace

DatabaseAddress sqlite_address(const std::filesystem::path& file) {
  return {Dialect::sqlite, file.string(), file.string(), "", 0, "", ""};
}

DatabaseAddress postgresql_address(std::string_view url) {
  const Poco::URI uri = parse_url(url);
  if (uri.getScheme() != "postgresql" && uri.getScheme() != "postgres")
    bad_url("the scheme is not postgresql");
  std::string database = uri.getPath();
  if (database.starts_with('/')) database.erase(0, 1);
  if (uri.getHost().empty() || database.empty()) bad_url("the host or the database is missing");
  const uint16_t number = uri.getPort() == 0 ? uint16_t{5432} : uri.getPort();
  const std::string port = std::to_string(number);
  std::string user, password;
  try {
    const std::string& info = uri.getUserInfo();  // still percent-encoded
    const size_t colon = info.find(':');
    Poco::URI::decode(info.substr(0, colon), user);
    if (colon != std::string::npos) Poco::URI::decode(info.substr(colon + 1), password);
  } catch (const Poco::Exception&) {
    bad_url("the user or the password is malformed; write special characters as %XX");
  }
  std::string connection =
      pair("host", uri.getHost()) + pair("port", port) + pair("dbname", database);
  if (!user.empty()) connection += pair("user", user);
  // Detects a server that is gone without closing the connection.
  connection += "tcp_user_timeout=20000 keepalives_idle=30 application_name=jetpack-hub ";
  for (const auto& [key, value] : uri.getQueryParameters()) {
    if (std::find(known_parameters.begin(), known_parameters.end(), key) == known_parameters.end())
      bad_url("the parameter '" + key + "' is not supported");
    connection += pair(key, value);
  }
  connection.pop_back();
  const std::string public_part = connection;
  if (!password.empty()) {
    connection += ' ' + pair("password", password);
    connection.pop_back();
  }
  return {Dialect::postgresql,
          connection,
          "postgresql://" + (user.empty() ? "" : user + "@") + uri.getHost() + ":" + port + "/" +
              database,
          uri.getHost(),
          number,
          public_part,
          password};
}

bool is_for_lack_of_space(const DatabaseAddress& address, std::string_view error) {
  for (const char* text : {"is full", "No space left on device", "Disk quota exceeded"})
    if (error.find(text) != std::string_view::npos) return true;
  if (address.dialect != Dialect::sqlite) return false;
  // SQLite has other errors as well where its side files lack room.
  constexpr uint64_t least = 256 << 10;
  struct statvfs disk {};
  return ::statvfs(address.connection.c_str(), &disk) == 0 && disk.f_bavail * disk.f_frsize < least;
}

std::unique_ptr<SqlSession> open_session(const DatabaseAddress& address) {
  std::unique_ptr<SqlSession> session;
  if (address.dialect == Dialect::sqlite) {
    Poco::Data::SQLite::Connector::registerConnector();
    make_private(address.connection);
    session = std::make_unique<SqlSession>("SQLite", address.connection, open_seconds);
  } else {
    Poco::Data::PostgreSQL::Connector::registerConnector();
    expect_listener(address);
    session = std::make_unique<SqlSession>("PostgreSQL", address.connection, login_seconds);
  }
  tune(*session, address.dialect);
  return session;
}

Dialect dialect_of(SqlSession& session) {
  return session.connector() == Poco::Data::SQLite::Connector::KEY ? Dialect::sqlite
                                                                   : Dialect::postgresql;
}

// Poco must know of a transaction in PostgreSQL, to free its prepared statements after it. Of
// SQLite it knows only the kind that locks nothing.
void begin(SqlSession& session, Dialect dialect) {
  if (dialect == Dialect::sqlite) return execute(session, "BEGIN IMMEDIATE");
  session.begin();
}

void commit(SqlSession& session, Dialect dialect) {
  if (dialect == Dialect::sqlite) return execute(session, "COMMIT");
  session.commit();
}

void rollback(SqlSession& session, Dialect dialect) {
  if (dialect == Dialect::sqlite) return execute(session, "ROLLBACK");
  session.rollback();
}

void lock_schema(SqlSession& session, Dialect dialect) {
  // The number is ours alone by convention: "jetpackh" in ASCII.
  if (dialect == Dialect::postgresql)
    select<std::string>(session, "SELECT pg_advisory_xact_lock(7666672424863163496)::text");
}

void set_if_known(SqlSession& session, std::string_view name, std::string_view value) {
  select<std::string>(
      session, "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = $2", value, name);
}

bool has_table(SqlSession& session, Dialect dialect, std::string_view table) {
  const char* sql = dialect == Dialect::sqlite
                        ? "SELECT count(*) FROM sqlite_master WHERE name = $1"
                        : "SELECT count(*) FROM information_schema.tables "
                          "WHERE table_schema = current_schema() AND table_name = $1";
  return select_one<int64_t>(session, sql, table).value_or(0) > 0;
}

std::string definition(Dialect dialect, std::string_view sql) {
  constexpr std::string_view sqlite = "{sqlite}", postgresql = "{postgresql}", mark = "{id}";
  const auto& own = dialect == Dialect::sqlite ? sqlite : postgresql;
  const auto& other = dialect == Dialect::sqlite ? postgresql : sqlite;
  if (sql.starts_with(other)) return {};
  if (sql.starts_with(own)) sql.remove_prefix(own.size());
  std::string text(sql);
  const size_t at = text.find(mark);
  if (at == std::string::npos) return text;
  return text.replace(at, mark.size(),
                      dialect == Dialect::sqlite
                          ? "INTEGER PRIMARY KEY"
                          : "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY");
}

}  // namespace jetpack::hub
