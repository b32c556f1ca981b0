// The history tables: phases and conditions of nodes over time, and how many nodes were ready.
#include "store/history_table.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

namespace jetpack::hub {

namespace {

constexpr int64_t changes_kept = 200'000;  // of all nodes
constexpr int64_t ready_kept = 31LL * 24 * 3600 * 1000;

using Array = std::pair<std::string, std::string>;  // cluster and node array
constexpr int64_t unknown_cores = -1;
constexpr int64_t most_cores = 1'000'000;  // of a node

struct ReadyNumbers {
  int64_t nodes = 0, cores = 0;
  bool operator==(const ReadyNumbers&) const = default;
};
using NumbersOfArrays = std::map<Array, ReadyNumbers>;

// The property "cores" of a node as text, "" where there is none. Some texts that JSON can have,
// such as NUL, PostgreSQL cannot, and fails: it looks only where nothing is written in hexadecimal.
std::string cores_column(Dialect dialect) {
  return dialect == Dialect::sqlite
             ? "coalesce(CAST(json_extract(properties, '$.cores') AS TEXT), '')"
             : "CASE WHEN position('\\u' in properties) > 0 THEN '' ELSE "
               "coalesce(CAST(properties AS json) ->> 'cores', '') END";
}

int64_t cores_of(const std::string& text) {
  int64_t cores = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), cores);
  const bool is_number = failure == std::errc{} && rest == text.data() + text.size();
  return is_number && cores > 0 && cores <= most_cores ? cores : unknown_cores;
}

NumbersOfArrays present_numbers(SqlSession& session, Dialect dialect) {
  using Columns = Row<std::string, std::string, std::string, int64_t>;
  NumbersOfArrays all;
  for (const auto& row :
       select<Columns>(session, "SELECT cluster, template, " + cores_column(dialect) +
                                    ", count(*) FROM nodes "
                                    "LEFT JOIN contacts ON of_cluster = cluster AND of_node = name "
                                    "WHERE phase = 'Ready' AND coalesce(silent_since, 0) = 0 "
                                    "GROUP BY 1, 2, 3")) {
    ReadyNumbers& numbers = all[{row.get<0>(), row.get<1>()}];
    const int64_t cores = cores_of(row.get<2>());
    numbers.nodes += row.get<3>();
    numbers.cores = cores == unknown_cores || numbers.cores == unknown_cores
                        ? unknown_cores
                        : numbers.cores + cores * row.get<3>();
  }
  return all;
}

NumbersOfArrays noted_numbers(SqlSession& session) {
  NumbersOfArrays all;
  for (const auto& row : select<Row<std::string, std::string, int64_t, int64_t>>(
           session,
           "SELECT cluster, nodearray, nodes, cores FROM ready_history WHERE id IN "
           "(SELECT max(id) FROM ready_history GROUP BY cluster, nodearray)"))
    all[{row.get<0>(), row.get<1>()}] = {row.get<2>(), row.get<3>()};
  return all;
}

}  // namespace

std::vector<NodeChange> node_history(SqlSession& session, std::string_view cluster,
                                     std::string_view node, int64_t most) {
  using Columns = Row<int64_t, std::string, std::string, std::string, std::string>;
  std::vector<NodeChange> changes;
  for (const auto& row :
       select<Columns>(session,
                       "SELECT time, what, name, status, message FROM node_history "
                       "WHERE cluster = $1 AND node = $2 ORDER BY id DESC LIMIT $3",
                       cluster, node, most))
    changes.push_back({row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>(), row.get<4>()});
  std::reverse(changes.begin(), changes.end());
  return changes;
}

void note_ready(Transaction& transaction, int64_t now) {
  SqlSession& session = transaction.session();
  auto present = present_numbers(session, transaction.dialect());
  const auto noted = noted_numbers(session);
  for (const auto& [array, numbers] : noted) present.try_emplace(array);
  for (const auto& [array, numbers] : present) {
    const auto last = noted.find(array);
    if (last != noted.end() && last->second == numbers) continue;
    execute(session,
            "INSERT INTO ready_history (time, cluster, nodearray, nodes, cores) "
            "VALUES ($1, $2, $3, $4, $5)",
            now, array.first, array.second, numbers.nodes, numbers.cores);
  }
  // The newest point of an array holds until there is another.
  execute(session,
          "DELETE FROM ready_history WHERE time < $1 AND id NOT IN "
          "(SELECT max(id) FROM ready_history GROUP BY cluster, nodearray)",
          now - ready_kept);
  execute(session, "DELETE FROM node_history WHERE id <= (SELECT max(id) FROM node_history) - $1",
          changes_kept);
}

std::vector<ReadyPoint> ready_history(SqlSession& session, std::string_view cluster,
                                      int64_t since) {
  std::vector<ReadyPoint> points;
  for (const auto& row : select<Row<int64_t, std::string, int64_t, int64_t>>(
           session,
           "SELECT time, nodearray, nodes, cores FROM ready_history WHERE cluster = $1 AND "
           "(time >= $2 OR id IN (SELECT max(id) FROM ready_history WHERE cluster = $1 AND "
           "time < $2 GROUP BY nodearray)) ORDER BY id",
           cluster, since))
    points.push_back({row.get<0>(), row.get<1>(), row.get<2>(),
                      row.get<3>() == unknown_cores ? std::nullopt : std::optional(row.get<3>())});
  return points;
}

}  // namespace jetpack::hub
