// Rows of values within a statement, however many there are.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/dialect.hpp"

namespace jetpack::hub {

// Rows as SQL that can stand where a VALUES list can: "VALUES ($1, $2), ($3, $4)" for SQLite, and
// "SELECT * FROM unnest($1::text[], $2::bigint[])" for PostgreSQL, which spends more on parsing and
// planning a long VALUES list than on its rows. All rows have the same number and types of values.
class Rows {
 public:
  explicit Rows(SqlSession& session) : session_(session), dialect_(dialect_of(session)) {}

  template <class... Value>
  void add(const Value&... row) {
    if (dialect_ == Dialect::sqlite) {
      list_ += count_ == 0 ? "VALUES (" : ", (";
      std::string_view separator;
      ((list_.append(separator).append(values_.add(row)), separator = ", "), ...);
      list_ += ')';
    } else {
      columns_.resize(sizeof...(row));
      size_t column = 0;
      (columns_[column++].add(row), ...);
    }
    ++count_;
  }
  bool is_empty() const { return count_ == 0; }
  // Whether one statement should have no more. SQLite's time to parse one grows with the square of
  // its values.
  bool is_full() const {
    if (dialect_ == Dialect::sqlite) return values_.count() >= 96;
    size_t bytes = 0;
    for (const auto& column : columns_) bytes += column.size();
    return count_ >= 1024 || bytes >= 1 << 20;
  }

  // Runs `before`, the rows, `after`: a statement that returns nothing. The rows are gone then.
  void execute(const std::string& before, const std::string& after = {}) {
    const std::string sql = before + take_list() + after;
    hub::execute(session_, sql, values_);
    clear();
  }
  // The same with a statement that returns rows.
  template <class Result>
  std::vector<Result> select(const std::string& before, const std::string& after) {
    const std::string sql = before + take_list() + after;
    auto rows = hub::select<Result>(session_, sql, values_);
    clear();
    return rows;
  }

 private:
  // The values of one column, as the text of a PostgreSQL array.
  class Column {
   public:
    void add(std::integral auto number) {
      separate();
      elements_ += std::to_string(number);
    }
    void add(std::string_view text) {
      is_text_ = true;
      separate();
      elements_ += '"';
      for (const char c : text) {
        if (c == '"' || c == '\\') elements_ += '\\';
        elements_ += c;
      }
      elements_ += '"';
    }
    std::string_view type() const { return is_text_ ? "text" : "bigint"; }
    std::string array() const { return elements_ + '}'; }
    size_t size() const { return elements_.size(); }

   private:
    void separate() {
      if (elements_.size() > 1) elements_ += ',';
    }

    std::string elements_ = "{";
    bool is_text_ = false;
  };

  void clear() {
    count_ = 0;
    list_.clear();
    values_ = {};
    columns_.clear();
  }

  // Once.
  std::string take_list() {
    if (dialect_ == Dialect::sqlite) return std::move(list_);
    std::string list = "SELECT * FROM unnest(";
    std::string_view separator;
    for (const auto& column : columns_) {
      list.append(separator).append(values_.add(column.array()));
      list.append("::").append(column.type()).append("[]");
      separator = ", ";
    }
    return list + ')';
  }

  SqlSession& session_;
  Dialect dialect_;
  size_t count_ = 0;
  std::string list_;  // SQLite's
  Values values_;
  std::vector<Column> columns_;  // PostgreSQL's
};

}  // namespace jetpack::hub
