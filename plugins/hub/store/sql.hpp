// SQL statements with bound values, for both databases. Placeholders are $1, $2, ... in the
// order of their first use, which SQLite and PostgreSQL number alike.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <Poco/Data/Session.h>
#include <Poco/Data/Statement.h>
#include <Poco/Tuple.h>

#include "support/text.hpp"

namespace jetpack::hub {

using SqlSession = Poco::Data::Session;

// The columns of a row that was read.
template <class... Column>
using Row = Poco::Tuple<Column...>;

// The type that a value is bound as.
inline int64_t bindable(std::integral auto value) { return static_cast<int64_t>(value); }
inline std::string bindable(std::string_view value) { return std::string(value); }

// Runs a statement that returns no rows.
template <class... Value>
void execute(SqlSession& session, const std::string& sql, const Value&... values) {
  auto bound = std::make_tuple(bindable(values)...);
  Poco::Data::Statement statement(session);
  statement << sql;
  std::apply([&](auto&... value) { ((statement, Poco::Data::Keywords::use(value)), ...); }, bound);
  statement.execute();
}

// All rows. A Row is a Row<...>, or the type of a single column.
template <class Result, class... Value>
std::vector<Result> select(SqlSession& session, const std::string& sql, const Value&... values) {
  auto bound = std::make_tuple(bindable(values)...);
  std::vector<Result> rows;
  Poco::Data::Statement statement(session);
  statement << sql;
  std::apply([&](auto&... value) { ((statement, Poco::Data::Keywords::use(value)), ...); }, bound);
  statement, Poco::Data::Keywords::into(rows);
  statement.execute();
  return rows;
}

// The first row.
template <class Result, class... Value>
std::optional<Result> select_one(SqlSession& session, const std::string& sql,
                                 const Value&... values) {
  auto rows = select<Result>(session, sql, values...);
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

// A statement whose number of values is known only at run time. Values are all integers or texts.
class Values {
 public:
  // Binds a value; its placeholder.
  std::string add(std::string_view text) {
    texts_.emplace_back(text);
    order_.emplace_back(true, texts_.size() - 1);
    return "$" + std::to_string(order_.size());
  }
  std::string add(std::integral auto number) {
    numbers_.push_back(static_cast<int64_t>(number));
    order_.emplace_back(false, numbers_.size() - 1);
    return "$" + std::to_string(order_.size());
  }
  size_t count() const { return order_.size(); }
  void bind(Poco::Data::Statement& statement) {
    for (const auto& [is_text, index] : order_) {
      if (is_text)
        statement, Poco::Data::Keywords::use(texts_[index]);
      else
        statement, Poco::Data::Keywords::use(numbers_[index]);
    }
  }

 private:
  std::vector<std::string> texts_;
  std::vector<int64_t> numbers_;
  std::vector<std::pair<bool, size_t>> order_;  // text or number, and which of them
};

// The condition that a column contains this text, whatever the case of its ASCII letters.
inline std::string contains(std::string_view column, std::string_view part, Values& values) {
  std::string pattern = "%";
  for (const char c : support::lower_case(part)) {
    if (c == '%' || c == '_' || c == '!') pattern += '!';
    pattern += c;
  }
  return "lower(" + std::string(column) + ") LIKE " + values.add(pattern + '%') + " ESCAPE '!'";
}

template <class Result>
std::vector<Result> select(SqlSession& session, const std::string& sql, Values& values) {
  std::vector<Result> rows;
  Poco::Data::Statement statement(session);
  statement << sql;
  values.bind(statement);
  statement, Poco::Data::Keywords::into(rows);
  statement.execute();
  return rows;
}

inline void execute(SqlSession& session, const std::string& sql, Values& values) {
  Poco::Data::Statement statement(session);
  statement << sql;
  values.bind(statement);
  statement.execute();
}

}  // namespace jetpack::hub
