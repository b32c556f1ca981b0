// Statements that read or write many rows at once, in parts of a size that suits the database.
#pragma once

#include <iterator>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "store/database.hpp"
#include "store/rows.hpp"

namespace jetpack::hub {

// Inserts rows. `more` follows them: what to do with those that exist. PostgreSQL refuses to update
// a row twice in one statement.
class RowWriter {
 public:
  RowWriter(Transaction& transaction, const std::string& into, std::string more = {})
      : into_(into + ' '), more_(std::move(more)), rows_(transaction.session()) {}
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  template <class... Value>
  void add(const Value&... row) {
    rows_.add(row...);
    if (rows_.is_full()) finish();
  }
  // Writes what is left. Not in the destructor, as it throws.
  void finish() {
    if (!rows_.is_empty()) rows_.execute(into_, more_);
  }

 private:
  std::string into_, more_;
  Rows rows_;
};

// A cluster and a node of it.
using NodeName = std::pair<std::string, std::string>;

// Rows whose key is among `keys`, which are tuples or pairs: `sql` ends before the list of them,
// `more` follows it.
template <class Result, class Keys>
std::vector<Result> select_keyed(SqlSession& session, const std::string& sql, const Keys& keys,
                                 const std::string& more = {}) {
  std::vector<Result> all;
  Rows rows(session);
  const auto read = [&] {
    if (rows.is_empty()) return;
    auto part = rows.template select<Result>(sql + '(', ')' + more);
    std::move(part.begin(), part.end(), std::back_inserter(all));
  };
  for (const auto& key : keys) {
    std::apply([&](const auto&... value) { rows.add(value...); }, key);
    if (rows.is_full()) read();
  }
  read();
  return all;
}

}  // namespace jetpack::hub
