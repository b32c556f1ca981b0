// The converges and converge_steps tables: the last converge of each node, step by step.
#include "store/converge_table.hpp"

namespace jetpack::hub {

void put_converge(Transaction& transaction, std::string_view cluster, std::string_view node,
                  const ConvergeReport& report, int64_t now) {
  SqlSession& session = transaction.session();
  const auto known = select_one<std::string>(
      session, "SELECT run FROM converges WHERE cluster = $1 AND node = $2", cluster, node);
  if (known && *known != report.run) remove_converge(session, cluster, node);
  execute(session,
          "INSERT INTO converges (cluster, node, run, mode, status, message, started, updated) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
          "ON CONFLICT (cluster, node) DO UPDATE SET status = excluded.status, "
          "message = excluded.message, updated = excluded.updated",
          cluster, node, report.run, report.mode, report.status, report.message, report.started,
          now);
  for (const auto& step : report.steps)
    execute(session,
            "INSERT INTO converge_steps (cluster, node, number, name, project, spec, script, "
            "status, duration, return_code, output) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
            "ON CONFLICT (cluster, node, number) DO UPDATE SET name = excluded.name, "
            "project = excluded.project, spec = excluded.spec, script = excluded.script, "
            "status = excluded.status, duration = excluded.duration, "
            "return_code = excluded.return_code, output = excluded.output",
            cluster, node, step.number, step.name, step.project, step.spec, step.script,
            step.status, step.duration_ms, step.return_code, step.output);
  transaction.changed("node", cluster, node);
}

std::optional<StoredConverge> find_converge(SqlSession& session, std::string_view cluster,
                                            std::string_view node) {
  const auto row =
      select_one<Row<std::string, std::string, std::string, std::string, int64_t, int64_t>>(
          session,
          "SELECT run, mode, status, message, started, updated FROM converges "
          "WHERE cluster = $1 AND node = $2",
          cluster, node);
  if (!row) return std::nullopt;
  StoredConverge found{
      row->get<0>(), row->get<1>(), row->get<2>(), row->get<3>(), row->get<4>(), row->get<5>(), {}};
  using Columns = Row<int64_t, std::string, std::string, std::string, std::string, std::string,
                      int64_t, int64_t, std::string>;
  for (const auto& step : select<Columns>(
           session,
           "SELECT number, name, project, spec, script, status, duration, return_code, output "
           "FROM converge_steps WHERE cluster = $1 AND node = $2 ORDER BY number",
           cluster, node))
    found.steps.push_back({step.get<0>(), step.get<1>(), step.get<2>(), step.get<3>(),
                           step.get<4>(), step.get<5>(), step.get<6>(), step.get<7>(),
                           step.get<8>()});
  return found;
}

void remove_converge(SqlSession& session, std::string_view cluster, std::string_view node) {
  execute(session, "DELETE FROM converges WHERE cluster = $1 AND node = $2", cluster, node);
  execute(session, "DELETE FROM converge_steps WHERE cluster = $1 AND node = $2", cluster, node);
}

}  // namespace jetpack::hub
