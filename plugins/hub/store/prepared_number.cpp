// A statement that reads one number, again and again.
#include "store/prepared_number.hpp"

#include <sqlite3.h>

#include <utility>

#include <Poco/Data/SQLite/Utility.h>

namespace jetpack::hub {

namespace sqlite = Poco::Data::SQLite;

void PreparedNumber::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

PreparedNumber::PreparedNumber(SqlSession& session, Dialect dialect, std::string sql)
    : session_(session), sql_(std::move(sql)) {
  if (dialect != Dialect::sqlite) return;
  sqlite3* const database = sqlite::Utility::dbHandle(session_);
  sqlite3_stmt* statement = nullptr;
  const int failure = sqlite3_prepare_v3(database, sql_.c_str(), static_cast<int>(sql_.size()),
                                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  if (failure != SQLITE_OK) sqlite::Utility::throwException(database, failure);
}

std::optional<int64_t> PreparedNumber::read() {
  if (!statement_) return select_one<int64_t>(session_, sql_);
  std::optional<int64_t> number;
  const int stepped = sqlite3_step(statement_.get());
  if (stepped == SQLITE_ROW) number = sqlite3_column_int64(statement_.get(), 0);
  // Ends the transaction, too: the next read sees what is committed until then.
  const int failure = sqlite3_reset(statement_.get());
  if (failure != SQLITE_OK)
    sqlite::Utility::throwException(sqlite::Utility::dbHandle(session_), failure);
  return number;
}

}  // namespace jetpack::hub
