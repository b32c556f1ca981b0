// SQLite handles that close themselves, and its errors as exceptions.
#include "services/session/database.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <mutex>

#include "support/files.hpp"

namespace jetpack::session {

namespace {

Errc errc_of(int code, int system_error) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:
      return Errc::corrupt;
    case SQLITE_PERM:
      return Errc::denied;
    case SQLITE_READONLY:
      return system_error == EROFS ? Errc::unavailable : Errc::denied;
    case SQLITE_CANTOPEN:
      return system_error == EACCES || system_error == EPERM ? Errc::denied : Errc::unavailable;
    default:
      return Errc::unavailable;
  }
}

// Whether the error is that there is no room, which SQLite itself knows only of some system calls.
bool is_full(int code, int system_error) {
  const int primary = code & 0xff;
  return primary == SQLITE_FULL ||
         ((primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) &&
          (system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG));
}

bool is_read_only(const std::string& path) {
  struct statvfs info {};
  return ::statvfs(path.c_str(), &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
}

const char* remedy_of(int code, int system_error) {
  if (system_error == EROFS) return "; the file system is mounted read-only, remount it writable";
  if (is_full(code, system_error)) return "; free disk space";
  switch (code & 0xff) {
    case SQLITE_IOERR:
      return "; check the disk";
    case SQLITE_BUSY:
      return "; another process holds it, try again";
    case SQLITE_INTERRUPT:
      return "; it took too long, try again";
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return "; the group of its directory must be able to write it";
    case SQLITE_CANTOPEN:
      return system_error == EACCES ? "; join the group of its directory or run as root" : "";
    default:
      return "";
  }
}

}  // namespace

namespace {

bool is_log(std::string_view path) { return path.ends_with("-wal"); }

// A descriptor of the directory of `path`, or a negative number.
int open_directory_of(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  return ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// SQLite opens what stands at the path, and the group of the directory can put a FIFO there, or in
// place of the write-ahead log, on which an open or a read would hang.
//
// A log that is empty may have been created a moment ago, by this call or by a process that was
// killed: its name is put on disk here, before anything is written to it. So a log that is not empty
// has its name on disk.
int open_database_file(const char* path, int flags, int mode) {
  const int fd = ::open(path, flags | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, mode);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0) return fd;
  if (S_ISFIFO(info.st_mode)) {
    ::close(fd);
    errno = EINVAL;
    return -1;
  }
  if ((flags & O_CREAT) != 0 && info.st_size == 0 && is_log(path)) {
    // What cannot be opened is not synced by SQLite either.
    if (const support::Fd directory(open_directory_of(path)); directory) ::fsync(directory.get());
  }
  return fd;
}

// For SQLite, which opens a directory to sync it. Each process would do that with its first write to a
// log, whatever process created the log, and it takes half the time of the write itself:
// open_database_file() has done it. SQLite goes on after SQLITE_CANTOPEN. When it has removed a log,
// it syncs too, and that stays.
int open_unsynced_directory(const char* path, int* fd) {
  struct stat info {};
  if (is_log(path) && ::lstat(path, &info) == 0) return SQLITE_CANTOPEN;
  *fd = open_directory_of(path);
  return *fd < 0 ? SQLITE_CANTOPEN : SQLITE_OK;
}

bool is_open_log(int fd) {
  std::array<char, PATH_MAX> path;
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(name.c_str(), path.data(), path.size());
  return size > 0 && is_log({path.data(), static_cast<size_t>(size)});
}

// For SQLite, which truncates a log that it empties. A commit to a log that has to grow costs more than
// twice what one costs that finds its blocks there, because the file system then syncs its own records,
// too. So a log of the usual size stays as large as it is, without the header that makes it one. As
// after a truncation, SQLite syncs a new header before it writes what belongs to it.
int truncate_file(int fd, off_t size) {
  constexpr off_t largest_kept = 1 << 20;
  static constexpr std::array<char, 32> no_header{};
  struct stat info {};
  if (size == 0 && is_open_log(fd) && ::fstat(fd, &info) == 0 && info.st_size <= largest_kept &&
      info.st_size >= static_cast<off_t>(no_header.size()) &&
      ::pwrite(fd, no_header.data(), no_header.size(), 0) == ssize_t{no_header.size()})
    return 0;
  return ::ftruncate(fd, size);
}

void set_system_calls() {
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  if (vfs == nullptr || vfs->iVersion < 3) return;
  const auto set = [&](const char* name, auto* function) {
    vfs->xSetSystemCall(vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(function));
  };
  set("open", &open_database_file);
  set("openDirectory", &open_unsynced_directory);
  set("ftruncate", &truncate_file);
}

// What the file says is not to run code, and no tables of SQLite's own are to be written.
void distrust_schema(sqlite3* handle) {
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

}  // namespace

Database::Database(const std::string& path, int flags, std::chrono::milliseconds busy_timeout)
    : path_(path) {
  static std::once_flag once;
  std::call_once(once, [] {
    // No memory in advance: SQLite touches all of it at once, which is 30 page faults.
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    sqlite3_initialize();
    set_system_calls();
  });
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle,
                                   flags | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, nullptr);
  handle_.reset(handle);
  if (handle == nullptr) throw Error(Errc::unavailable, "cannot open " + path + ": no memory");
  if (code != SQLITE_OK) fail("open");
  sqlite3_busy_timeout(handle, static_cast<int>(busy_timeout.count()));
  distrust_schema(handle);
  constexpr int instructions = 10000;  // a millisecond or less
  sqlite3_progress_handler(handle, instructions, &is_over, deadline_.get());
}

int Database::is_over(void* deadline) {
  return Clock::now() > *static_cast<Clock::time_point*>(deadline) ? 1 : 0;
}

void Database::limit(std::chrono::milliseconds time) { *deadline_ = Clock::now() + time; }

bool Database::has_only_tables() {
  return integer(
             "SELECT count(*) FROM sqlite_schema WHERE type IN ('view', 'trigger') "
             "OR sql LIKE 'CREATE VIRTUAL%'") == 0;
}

void Database::fail(const char* doing) const {
  const int code = sqlite3_extended_errcode(handle());
  const int primary = code & 0xff;
  int system_error = sqlite3_system_errno(handle());
  // Found when it was opened, and forgotten since.
  if ((primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN) && is_read_only(path_))
    system_error = EROFS;
  std::string text = std::string("cannot ") + doing + " " + path_ + ": " + sqlite3_errmsg(handle());
  if (system_error != 0 && (primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR))
    text += " (" + support::system_message(system_error) + ")";
  throw DatabaseError(errc_of(code, system_error), text + remedy_of(code, system_error), code,
                      is_full(code, system_error));
}

void Database::execute(const char* sql) {
  if (sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail("use");
}

int64_t Database::integer(std::string_view sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

Statement::Statement(Database& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) database.fail("use");
}

Statement& Statement::bind(int64_t value) {
  sqlite3_bind_int64(statement_.get(), next_++, value);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.empty() ? "" : text.data();
  if (sqlite3_bind_text64(statement_.get(), next_++, data, text.size(), SQLITE_STATIC,
                          SQLITE_UTF8) != SQLITE_OK)
    database_->fail("use");
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  const char* data = bytes.empty() ? "" : bytes.data();
  if (sqlite3_bind_blob64(statement_.get(), next_++, data, bytes.size(), SQLITE_STATIC) !=
      SQLITE_OK)
    database_->fail("use");
  return *this;
}

Statement& Statement::bind_known(std::string_view text) {
  if (!text.empty()) return bind(text);
  sqlite3_bind_null(statement_.get(), next_++);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_->fail("use");
  return false;
}

void Statement::run() {
  while (step()) {
  }
  sqlite3_reset(statement_.get());
  next_ = 1;
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), size(column)};
}

uint64_t Statement::size(int column) const {
  return static_cast<uint64_t>(sqlite3_column_bytes(statement_.get(), column));
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace jetpack::session
