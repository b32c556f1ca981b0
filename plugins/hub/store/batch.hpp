// Statements that read or write many rows at once, in parts of a size that suits the database.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "store/database.hpp"

namespace jetpack::hub {

// Inserts rows. `more` follows them: what to do with those that exist. PostgreSQL refuses to update
// a row twice in one statement.
class RowWriter {
 public:
  RowWriter(Transaction& transaction, std::string into, std::string more = {})
      : session_(transaction.session()),
        at_once_(rows_in_statement(transaction.dialect())),
        into_(std::move(into)),
        more_(std::move(more)),
        rows_(into_) {}
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  template <class... Value>
  void add(const Value&... row) {
    rows_.add(row...);
    if (++count_ == at_once_) finish();
  }
  // Writes what is left. Not in the destructor, as it throws.
  void finish() {
    rows_.write(session_, more_);
    rows_ = Rows(into_);
    count_ = 0;
  }

 private:
  SqlSession& session_;
  size_t at_once_, count_ = 0;
  std::string into_, more_;
  Rows rows_;
};

// A cluster and a node of it.
using NodeName = std::pair<std::string, std::string>;

// Rows of nodes: `sql` ends before the list of their names, `more` follows it.
template <class Result>
std::vector<Result> select_named(SqlSession& session, const std::string& sql,
                                 const std::vector<NodeName>& names, const std::string& more = {}) {
  constexpr size_t at_once = 64;
  std::vector<Result> all;
  for (size_t at = 0; at < names.size(); at += at_once) {
    Values values;
    std::string statement = sql;
    for (size_t i = at; i < std::min(at + at_once, names.size()); ++i) {
      statement += i == at ? "(VALUES (" : ", (";
      statement += values.add(names[i].first);
      statement += ", ";
      statement += values.add(names[i].second);
      statement += ")";
    }
    statement.append(")").append(more);
    auto part = select<Result>(session, statement, values);
    std::move(part.begin(), part.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace jetpack::hub
