// The history tables: phases and conditions of nodes over time, and how many nodes were ready.
#include "store/history_table.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace jetpack::hub {

namespace {

constexpr int64_t changes_kept = 200'000;  // of all nodes
constexpr int64_t ready_kept = 31LL * 24 * 3600 * 1000;

using Array = std::pair<std::string, std::string>;  // cluster and node array
using NumberOfArray = std::map<Array, int64_t>;

NumberOfArray present_numbers(SqlSession& session) {
  NumberOfArray numbers;
  for (const auto& row : select<Row<std::string, std::string, int64_t>>(
           session,
           "SELECT cluster, template, count(*) FROM nodes "
           "LEFT JOIN contacts ON of_cluster = cluster AND of_node = name "
           "WHERE phase = 'Ready' AND coalesce(silent_since, 0) = 0 GROUP BY cluster, template"))
    numbers[{row.get<0>(), row.get<1>()}] = row.get<2>();
  return numbers;
}

NumberOfArray noted_numbers(SqlSession& session) {
  NumberOfArray numbers;
  for (const auto& row : select<Row<std::string, std::string, int64_t>>(
           session,
           "SELECT cluster, nodearray, nodes FROM ready_history WHERE id IN "
           "(SELECT max(id) FROM ready_history GROUP BY cluster, nodearray)"))
    numbers[{row.get<0>(), row.get<1>()}] = row.get<2>();
  return numbers;
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
  auto present = present_numbers(session);
  const auto noted = noted_numbers(session);
  for (const auto& [array, nodes] : noted) present.try_emplace(array, 0);
  for (const auto& [array, nodes] : present) {
    const auto last = noted.find(array);
    if (last != noted.end() && last->second == nodes) continue;
    execute(session,
            "INSERT INTO ready_history (time, cluster, nodearray, nodes) VALUES ($1, $2, $3, $4)",
            now, array.first, array.second, nodes);
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
  for (const auto& row : select<Row<int64_t, std::string, int64_t>>(
           session,
           "SELECT time, nodearray, nodes FROM ready_history WHERE cluster = $1 AND "
           "(time >= $2 OR id IN (SELECT max(id) FROM ready_history WHERE cluster = $1 AND "
           "time < $2 GROUP BY nodearray)) ORDER BY id",
           cluster, since))
    points.push_back({row.get<0>(), row.get<1>(), row.get<2>()});
  return points;
}

}  // namespace jetpack::hub
