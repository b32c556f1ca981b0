// The conditions table: health conditions that nodes reported.
#include "store/condition_table.hpp"

namespace jetpack::hub {

namespace {

// A limit, so that a node cannot fill the database.
constexpr int64_t max_conditions = 256;

}  // namespace

void put_condition(Transaction& transaction, std::string_view cluster, std::string_view node,
                   const Condition& condition, int64_t now) {
  SqlSession& session = transaction.session();
  const auto known = select_one<Row<std::string, int64_t>>(
      session,
      "SELECT status, since FROM conditions WHERE cluster = $1 AND node = $2 AND name = $3",
      cluster, node, condition.name);
  if (!known)
    execute(session,
            "DELETE FROM conditions WHERE cluster = $1 AND node = $2 AND name IN "
            "(SELECT name FROM conditions WHERE cluster = $1 AND node = $2 "
            "ORDER BY updated DESC LIMIT 1000 OFFSET $3)",
            cluster, node, max_conditions - 1);
  const int64_t since = known && known->get<0>() == condition.status ? known->get<1>() : now;
  execute(session,
          "INSERT INTO conditions (cluster, node, name, status, message, description, "
          "recommendations, details, action_type, ghr_category, since, updated) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
          "ON CONFLICT (cluster, node, name) DO UPDATE SET status = excluded.status, "
          "message = excluded.message, description = excluded.description, "
          "recommendations = excluded.recommendations, details = excluded.details, "
          "action_type = excluded.action_type, ghr_category = excluded.ghr_category, "
          "since = excluded.since, updated = excluded.updated",
          cluster, node, condition.name, condition.status, condition.message, condition.description,
          condition.recommendations, condition.details, condition.action_type,
          condition.ghr_category, since, now);
  transaction.changed("condition", cluster, node);
}

std::vector<StoredCondition> list_conditions(SqlSession& session, const ConditionRange& range) {
  using Columns = Row<std::string, std::string, std::string, std::string, std::string, std::string,
                      std::string, std::string, std::string, int64_t, int64_t>;
  Values values;
  std::string sql = "SELECT node, name, status, message, ";
  sql += range.with_texts ? "description, recommendations, details, action_type, ghr_category"
                          : "'', '', '', '', ''";
  sql += ", since, updated FROM conditions WHERE cluster = " + values.add(range.cluster);
  if (!range.first.empty()) {
    // One by one: placeholders must stand in the order in which they are numbered.
    sql += " AND node >= " + values.add(range.first);
    sql += " AND node <= " + values.add(range.last);
  }
  std::vector<StoredCondition> list;
  for (const auto& row : select<Columns>(session, sql + " ORDER BY node, name", values))
    list.push_back({row.get<0>(),
                    {row.get<1>(), row.get<2>(), row.get<3>(), row.get<4>(), row.get<5>(),
                     row.get<6>(), row.get<7>(), row.get<8>()},
                    row.get<9>(),
                    row.get<10>()});
  return list;
}

std::vector<Count> count_conditions(SqlSession& session, std::string_view cluster) {
  Values values;
  const std::string where = cluster.empty() ? "" : " WHERE cluster = " + values.add(cluster);
  std::vector<Count> counts;
  for (const auto& row : select<Row<std::string, int64_t>>(
           session, "SELECT status, count(*) FROM conditions" + where + " GROUP BY status", values))
    counts.push_back({row.get<0>(), row.get<1>()});
  return counts;
}

}  // namespace jetpack::hub
