// Tests of what a database that others can write may do to a reader: not hang it, and not run code.
#include "services/session/database.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::session {

namespace {

constexpr std::chrono::milliseconds patience{100};
constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
constexpr const char* endless =
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t";

}  // namespace

TEST_CASE("a statement that does not end is interrupted") {
  const support::TemporaryDirectory directory;
  Database database(directory.file("db"), flags, patience);
  database.limit(std::chrono::milliseconds{20});
  CHECK_THROWS_WITH_AS(database.integer(endless), doctest::Contains("took too long"),
                       DatabaseError);
  CHECK_THROWS_AS(database.integer(endless), DatabaseError);
  database.limit(std::chrono::hours{1});
  CHECK(database.integer("SELECT 7") == 7);
}

TEST_CASE("views, triggers and virtual tables are known") {
  const support::TemporaryDirectory directory;
  Database database(directory.file("db"), flags, patience);
  database.execute("CREATE TABLE a(x INTEGER PRIMARY KEY AUTOINCREMENT, y UNIQUE)");
  CHECK(database.has_only_tables());
  for (const char* sql :
       {"CREATE VIEW v AS SELECT 1", "CREATE TRIGGER g AFTER INSERT ON a BEGIN DELETE FROM a; END",
        "CREATE VIRTUAL TABLE w USING rtree(a, b, c)"}) {
    database.execute("SAVEPOINT before");
    database.execute(sql);
    CHECK_FALSE(database.has_only_tables());
    database.execute("ROLLBACK TO before; RELEASE before");
  }
  CHECK(database.has_only_tables());
}

TEST_CASE("a FIFO in the place of the database or of its log is an error at once") {
  const support::TemporaryDirectory directory;
  const std::string fifo = directory.file("fifo"), path = directory.file("db");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK_THROWS_AS(Database(fifo, SQLITE_OPEN_READWRITE, patience).integer("SELECT 1 FROM x"),
                  Error);
  Database(path, flags, patience).execute("PRAGMA journal_mode = WAL; CREATE TABLE a(x)");
  REQUIRE(::mkfifo((path + "-wal").c_str(), 0600) == 0);
  CHECK_THROWS_AS(Database(path, flags, patience).integer("SELECT count(*) FROM a"), Error);
}

TEST_CASE("a log that is emptied keeps its room, unless that is much, and has nothing in it") {
  const support::TemporaryDirectory directory;
  const std::string path = directory.file("db"), log = path + "-wal";
  const auto size = [&] { return std::filesystem::file_size(log); };
  std::optional<Database> database(std::in_place, path, flags, patience);
  database->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE a(x)");
  // Both are needed for a log to stay when the last process leaves.
  int persist = 1;
  sqlite3_file_control(database->handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
  sqlite3_db_config(database->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  const auto before = size();
  for (int round = 0; round < 2; ++round) {
    database->execute("PRAGMA wal_checkpoint(TRUNCATE)");
    CHECK(size() == before);
    CHECK(support::read_file(log, 1 << 20)->substr(0, 32) == std::string(32, '\0'));
  }
  // It is read as an empty one, and written from its start.
  Database other(path, flags, patience);
  CHECK(other.integer("SELECT count(*) FROM a") == 0);
  other.execute("INSERT INTO a VALUES(1)");
  CHECK(size() == before);
  CHECK(database->integer("SELECT count(*) FROM a") == 1);
  database.reset();
  database.emplace(path, flags, patience);
  CHECK(database->integer("SELECT count(*) FROM a") == 1);
  CHECK(database->integer(
            "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") == 1);

  database->execute("INSERT INTO a VALUES(zeroblob(2000000))");
  CHECK(size() > 2'000'000);
  database->execute("PRAGMA wal_checkpoint(TRUNCATE)");
  CHECK(size() == 0);
}

}  // namespace jetpack::session
