// A statement that reads one number, again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "store/dialect.hpp"
#include "store/sql.hpp"

struct sqlite3_stmt;

namespace jetpack::hub {

// Ends before its session. SQLite parses the statement once, which is most of what it costs; Poco
// would parse it again for each run.
class PreparedNumber {
 public:
  PreparedNumber(SqlSession& session, Dialect dialect, std::string sql);
  PreparedNumber(const PreparedNumber&) = delete;
  PreparedNumber& operator=(const PreparedNumber&) = delete;
  ~PreparedNumber() = default;

  // Of the first row. Throws Poco::Exception.
  std::optional<int64_t> read();

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };

  SqlSession& session_;
  std::string sql_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;  // of SQLite
};

}  // namespace jetpack::hub
