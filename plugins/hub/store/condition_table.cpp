// The conditions table: health conditions that nodes reported.
#include "store/condition_table.hpp"

#include <map>
#include <set>
#include <tuple>

#include "store/batch.hpp"

namespace jetpack::hub {

namespace {

// A limit, so that a node cannot fill the database.
constexpr int64_t max_conditions = 256;

using Name = std::tuple<std::string_view, std::string_view, std::string_view>;

// Reports that one statement can write: of each condition at most one.
using Round = std::map<Name, const Condition*>;

// A report goes into a later round than one of the same condition with another status, so that the
// history has both; with the same status it replaces that one.
std::vector<Round> to_rounds(const std::vector<ReportedCondition>& reports) {
  std::vector<Round> rounds;
  std::map<Name, size_t> last;
  for (const auto& [cluster, node, condition] : reports) {
    const Name name(cluster, node, condition.name);
    const auto [known, is_new] = last.emplace(name, 0);
    if (!is_new && rounds[known->second][name]->status != condition.status) ++known->second;
    if (known->second == rounds.size()) rounds.emplace_back();
    rounds[known->second][name] = &condition;
  }
  return rounds;
}

void write(Transaction& transaction, const Round& round, int64_t now) {
  RowWriter rows(transaction,
                 "INSERT INTO conditions (cluster, node, name, status, message, description, "
                 "recommendations, details, action_type, ghr_category, since, updated)",
                 " ON CONFLICT (cluster, node, name) DO UPDATE SET status = excluded.status, "
                 "message = excluded.message, description = excluded.description, "
                 "recommendations = excluded.recommendations, details = excluded.details, "
                 "action_type = excluded.action_type, ghr_category = excluded.ghr_category, "
                 "since = CASE WHEN conditions.status = excluded.status THEN conditions.since "
                 "ELSE excluded.since END, updated = excluded.updated");
  for (const auto& [key, condition] : round)
    rows.add(std::get<0>(key), std::get<1>(key), condition->name, condition->status,
             condition->message, condition->description, condition->recommendations,
             condition->details, condition->action_type, condition->ghr_category, now, now);
  rows.finish();
}

// Of those that have too many, the ones that were not reported for the longest time.
void drop_excess(SqlSession& session, const std::set<NodeName>& nodes) {
  for (const auto& row : select_keyed<Row<std::string, std::string>>(
           session, "SELECT cluster, node FROM conditions WHERE (cluster, node) IN ", nodes,
           " GROUP BY cluster, node HAVING count(*) > " + std::to_string(max_conditions)))
    execute(session,
            "DELETE FROM conditions WHERE cluster = $1 AND node = $2 AND name IN "
            "(SELECT name FROM conditions WHERE cluster = $1 AND node = $2 "
            "ORDER BY updated DESC, name LIMIT 100000 OFFSET $3)",
            row.get<0>(), row.get<1>(), max_conditions);
}

}  // namespace

void put_conditions(Transaction& transaction, const std::vector<ReportedCondition>& reports,
                    int64_t now) {
  for (const auto& round : to_rounds(reports)) write(transaction, round, now);
  std::set<NodeName> nodes;
  for (const auto& report : reports)
    if (nodes.emplace(report.cluster, report.node).second)
      transaction.changed("condition", report.cluster, report.node);
  drop_excess(transaction.session(), nodes);
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
