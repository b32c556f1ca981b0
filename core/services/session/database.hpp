// SQLite handles that close themselves, and its errors as exceptions.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <jetpack/error.hpp>

namespace jetpack::session {

// What SQLite answered, beside the text for a person.
class DatabaseError : public Error {
 public:
  DatabaseError(Errc code, const std::string& text, int sqlite_code, bool is_full)
      : Error(code, text), sqlite_code_(sqlite_code), is_full_(is_full) {}

  // The file is not a database or contradicts itself; a busy or unreadable one is not corrupt. All
  // statements are our own: if one is not understood, it is the schema that is damaged.
  bool is_corrupt() const {
    return primary() == SQLITE_CORRUPT || primary() == SQLITE_NOTADB || primary() == SQLITE_ERROR;
  }
  // The disk, a quota, or the cap on the database.
  bool is_full() const { return is_full_; }
  bool is_busy() const { return primary() == SQLITE_BUSY; }

 private:
  int primary() const { return sqlite_code_ & 0xff; }
  int sqlite_code_;
  bool is_full_;
};

class Database;

// A prepared statement. Bound text is borrowed until the next run() or reset().
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  Statement& bind(int64_t value);
  Statement& bind(std::string_view text);
  // As bytes that need not be text.
  Statement& bind_blob(std::string_view bytes);
  // NULL when empty.
  Statement& bind_known(std::string_view text);

  // Steps once; true when there is a row.
  bool step();
  // Steps to the end.
  void run();

  int64_t integer(int column) const;
  std::string text(int column) const;  // NULL is empty; of a BLOB its bytes
  uint64_t size(int column) const;     // bytes of text or BLOB

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int next_ = 1;
};

class Database {
 public:
  // Opens an existing file; a path that leads through a symbolic link is refused.
  Database(const std::string& path, int flags, std::chrono::milliseconds busy_timeout);

  // From now on statements may run for this long, and then fail as unavailable. No limit before.
  void limit(std::chrono::milliseconds time);

  // Whether it has no views, triggers and virtual tables, which may be endless or do other things
  // than they say.
  bool has_only_tables();

  void execute(const char* sql);
  int64_t integer(std::string_view sql);

  sqlite3* handle() const { return handle_.get(); }
  const std::string& path() const { return path_; }
  [[noreturn]] void fail(const char* doing) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  using Clock = std::chrono::steady_clock;
  static int is_over(void* deadline);

  std::string path_;
  // Apart, because SQLite keeps its address.
  std::unique_ptr<Clock::time_point> deadline_ =
      std::make_unique<Clock::time_point>(Clock::time_point::max());
  std::unique_ptr<sqlite3, Close> handle_;
};

// A transaction that writes; rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {
    database_.execute("BEGIN IMMEDIATE");
  }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace jetpack::session
