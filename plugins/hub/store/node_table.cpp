// The clusters and nodes tables.
#include "store/node_table.hpp"

#include <initializer_list>

#include "common/text.hpp"
#include "store/batch.hpp"
#include "store/contact_table.hpp"
#include "store/converge_table.hpp"
#include "store/userdata_id.hpp"
#include "support/random.hpp"

namespace jetpack::hub {

namespace {

using NodeRow =
    Row<std::string, std::string, std::string, std::string, std::string, int64_t, int64_t,
        std::string, std::string, std::string, std::string, std::string, int64_t, std::string,
        std::string, int64_t, std::string, std::string, std::string>;

const std::string node_columns =
    "SELECT cluster, name, instance_id, hostname, address, first_contact, last_contact, "
    "properties, node_id, userdata_id, template, phase, phase_since, ending, status_message, "
    "keepalive_until, configuration, last_request, version FROM nodes";

Node to_node(const NodeRow& row) {
  Node node;
  node.cluster = row.get<0>();
  node.name = row.get<1>();
  node.instance_id = row.get<2>();
  node.hostname = row.get<3>();
  node.address = row.get<4>();
  node.first_contact = row.get<5>();
  node.last_contact = row.get<6>();
  node.properties = row.get<7>();
  node.node_id = row.get<8>();
  node.userdata_id = row.get<9>();
  node.template_name = row.get<10>();
  node.phase = row.get<11>();
  node.phase_since = row.get<12>();
  node.ending = row.get<13>();
  node.status_message = row.get<14>();
  node.keepalive_until = row.get<15>();
  node.configuration = row.get<16>();
  node.last_request = row.get<17>();
  node.version = row.get<18>();
  return node;
}

bool exists(SqlSession& session, std::string_view cluster, std::string_view name) {
  return select_one<int64_t>(session, "SELECT count(*) FROM nodes WHERE cluster = $1 AND name = $2",
                             cluster, name)
             .value_or(0) > 0;
}

// Sets one column of a node; false when there is no such node.
bool set_column(SqlSession& session, std::string_view column, std::string_view cluster,
                std::string_view name, std::string_view value) {
  if (!exists(session, cluster, name)) return false;
  execute(session,
          "UPDATE nodes SET " + std::string(column) + " = $1 WHERE cluster = $2 AND name = $3",
          value, cluster, name);
  return true;
}

// Whether a page that shows the node should read it again. Mere contact does not count.
bool is_news(const Node& before, const Node& now) {
  return now.instance_id != before.instance_id || now.hostname != before.hostname ||
         now.address != before.address || now.phase != before.phase ||
         now.status_message != before.status_message ||
         now.keepalive_until != before.keepalive_until || now.version != before.version ||
         now.properties != before.properties;
}

// Nodes that were asked to stop and are silent since $1.
const std::string stopped_where =
    " WHERE phase = 'Stopping' AND phase_since < $1 AND last_contact < $1 AND NOT EXISTS "
    "(SELECT 1 FROM contacts WHERE of_cluster = cluster AND of_node = name AND heard >= $1)";

// Nodes that exist are updated as if they were inserted: PostgreSQL then knows the values' types,
// and one statement updates many.
const std::string insert_into_nodes =
    "INSERT INTO nodes (cluster, name, instance_id, hostname, address, first_contact, "
    "last_contact, phase, phase_since, ending, status_message, keepalive_until, properties)";

void add_node(RowWriter& rows, const Node& node, std::string_view properties) {
  rows.add(node.cluster, node.name, node.instance_id, node.hostname, node.address,
           node.first_contact, node.last_contact, node.phase, node.phase_since, node.ending,
           node.status_message, node.keepalive_until, properties);
}

// What follows the rows: only these columns change.
std::string update_of(std::initializer_list<std::string_view> columns) {
  std::string sql = " ON CONFLICT (cluster, name) DO UPDATE SET ";
  for (const auto& column : columns) {
    if (column != *columns.begin()) sql += ", ";
    sql.append(column).append(" = excluded.").append(column);
  }
  return sql;
}

void remove_reports(SqlSession& session, std::string_view cluster, std::string_view node) {
  execute(session, "DELETE FROM conditions WHERE cluster = $1 AND node = $2", cluster, node);
  forget_contact(session, cluster, node);
  remove_converge(session, cluster, node);
}

bool is_over(const Node& node) {
  return node.phase == phase::off || node.phase == phase::stopping ||
         node.phase == phase::terminated;
}

}  // namespace

bool is_kept_alive(const Node& node, int64_t now) {
  return node.keepalive_until == keepalive_forever || node.keepalive_until > now;
}

bool add_cluster(SqlSession& session, std::string_view name) {
  if (select_one<std::string>(session, "SELECT name FROM clusters WHERE name = $1", name))
    return false;
  execute(session, "INSERT INTO clusters (name) VALUES ($1)", name);
  execute(session,
          "INSERT INTO nodearrays (cluster, name, definition, dynamic, removal, target_count, "
          "target_core_count, request_set, expires) "
          "VALUES ($1, 'execute', '{}', 0, 0, -1, -1, '', 0)",
          name);
  return true;
}

std::vector<Cluster> list_clusters(SqlSession& session, std::string_view name) {
  const std::string columns =
      "SELECT name, (SELECT count(*) FROM nodes WHERE cluster = clusters.name), configuration "
      "FROM clusters";
  Values values;
  const std::string where = name.empty() ? "" : " WHERE name = " + values.add(name);
  std::vector<Cluster> clusters;
  for (const auto& row : select<Row<std::string, int64_t, std::string>>(
           session, columns + where + " ORDER BY name", values))
    clusters.push_back({row.get<0>(), row.get<1>(), row.get<2>()});
  return clusters;
}

std::string cluster_configuration(SqlSession& session, std::string_view cluster) {
  return select_one<std::string>(session, "SELECT configuration FROM clusters WHERE name = $1",
                                 cluster)
      .value_or("{}");
}

void require_cluster(SqlSession& session, const std::string& cluster) {
  if (list_clusters(session, cluster).empty())
    throw Error(Errc::not_found,
                "cluster '" + cluster + "' not found; create it with 'jetpack hub cluster create'");
}

bool set_cluster_configuration(SqlSession& session, std::string_view cluster,
                               std::string_view json) {
  if (list_clusters(session, cluster).empty()) return false;
  execute(session, "UPDATE clusters SET configuration = $1 WHERE name = $2", json, cluster);
  return true;
}

bool enroll_node(Transaction& transaction, const Account& account, std::string_view instance_id) {
  SqlSession& session = transaction.session();
  add_cluster(session, account.cluster);
  const auto known = find_node(session, account.cluster, account.node);
  const bool starts_anew = !known || is_over(*known) || known->last_contact == 0;
  execute(session,
          "INSERT INTO nodes (cluster, name, instance_id, hostname, address, first_contact, "
          "last_contact, properties, node_id, userdata_id, phase, phase_since, status_message) "
          "VALUES ($1, $2, $3, '', '', 0, 0, '{}', $4, $5, $6, $7, $8) "
          "ON CONFLICT (cluster, name) DO UPDATE SET instance_id = excluded.instance_id, "
          "userdata_id = excluded.userdata_id, phase = excluded.phase, "
          "phase_since = excluded.phase_since, ending = '', last_request = '', "
          "status_message = excluded.status_message",
          account.cluster, account.node, instance_id, support::random_uuid(),
          userdata_id(account.cluster, account.node, instance_id),
          starts_anew ? phase::preparing : known->phase,
          starts_anew ? now_ms() : known->phase_since, starts_anew ? "" : known->status_message);
  if (starts_anew) note_silence(session, account.cluster, account.node, now_ms());
  execute(
      session,
      "UPDATE nodes SET instance_id = '' WHERE cluster = $1 AND instance_id = $2 AND name <> $3",
      account.cluster, instance_id, account.node);
  transaction.changed("node", account.cluster, account.node);
  return put_account(session, account);
}

std::optional<Node> find_node(SqlSession& session, std::string_view cluster,
                              std::string_view name) {
  const auto row = select_one<NodeRow>(session, node_columns + " WHERE cluster = $1 AND name = $2",
                                       cluster, name);
  if (!row) return std::nullopt;
  return to_node(*row);
}

std::optional<Node> find_node_by_userdata(SqlSession& session, std::string_view userdata_id) {
  const auto row =
      select_one<NodeRow>(session, node_columns + " WHERE userdata_id = $1", userdata_id);
  if (!row) return std::nullopt;
  return to_node(*row);
}

bool set_node_configuration(SqlSession& session, std::string_view cluster, std::string_view name,
                            std::string_view json) {
  return set_column(session, "configuration", cluster, name, json);
}

bool set_node_scheduler(SqlSession& session, std::string_view cluster, std::string_view name,
                        bool is_scheduler) {
  if (!exists(session, cluster, name)) return false;
  execute(session, "UPDATE nodes SET scheduler = $1 WHERE cluster = $2 AND name = $3", is_scheduler,
          cluster, name);
  return true;
}

bool is_scheduler_node(SqlSession& session, std::string_view cluster, std::string_view name) {
  return select_one<int64_t>(session,
                             "SELECT count(*) FROM nodes LEFT JOIN nodearrays ON "
                             "nodearrays.cluster = nodes.cluster AND "
                             "nodearrays.name = nodes.template WHERE nodes.cluster = $1 AND "
                             "nodes.name = $2 AND (nodes.scheduler = 1 OR "
                             "nodearrays.scheduler = 1)",
                             cluster, name)
             .value_or(0) > 0;
}

bool set_node_template(SqlSession& session, std::string_view cluster, std::string_view name,
                       std::string_view nodearray) {
  return set_column(session, "template", cluster, name, nodearray);
}

void forget_machine(SqlSession& session, std::string_view cluster, std::string_view name) {
  execute(session,
          "UPDATE nodes SET node_id = $1, hostname = '', address = '', version = '', "
          "first_contact = 0, last_contact = 0, keepalive_until = 0 "
          "WHERE cluster = $2 AND name = $3",
          support::random_uuid(), cluster, name);
  remove_reports(session, cluster, name);
}

bool remove_node(Transaction& transaction, std::string_view cluster, std::string_view name) {
  SqlSession& session = transaction.session();
  if (!exists(session, cluster, name)) return false;
  remove_reports(session, cluster, name);
  execute(session, "DELETE FROM nodes WHERE cluster = $1 AND name = $2", cluster, name);
  execute(session, "DELETE FROM node_history WHERE cluster = $1 AND node = $2", cluster, name);
  remove_account_of(session, cluster, name);
  transaction.changed("node", cluster, name);
  return true;
}

std::vector<Node> list_nodes(SqlSession& session, const NodeRange& range) {
  Values values;
  std::string sql = node_columns + " WHERE 1 = 1";
  if (!range.cluster.empty()) sql += " AND cluster = " + values.add(range.cluster);
  if (!range.cluster.empty() && !range.after_name.empty())
    sql += " AND name > " + values.add(range.after_name);
  if (!range.text.empty()) {
    const char* before = " AND (";
    for (const char* column : {"name", "hostname", "address", "instance_id"}) {
      sql += before + contains(column, range.text, values);
      before = " OR ";
    }
    sql += ')';
  }
  sql += " ORDER BY cluster, name LIMIT " + values.add(range.limit);
  const auto rows = select<NodeRow>(session, sql, values);
  std::vector<Node> nodes;
  nodes.reserve(rows.size());
  for (const auto& row : rows) nodes.push_back(to_node(row));
  return nodes;
}

std::vector<Count> count_phases(SqlSession& session, std::string_view cluster) {
  Values values;
  const std::string where = cluster.empty() ? "" : " WHERE cluster = " + values.add(cluster);
  std::vector<Count> counts;
  for (const auto& row : select<Row<std::string, int64_t>>(
           session, "SELECT phase, count(*) FROM nodes" + where + " GROUP BY phase", values))
    counts.push_back({row.get<0>(), row.get<1>()});
  return counts;
}

std::vector<Node> find_nodes(SqlSession& session, const std::vector<NodeName>& names) {
  std::vector<Node> nodes;
  for (const auto& row :
       select_keyed<NodeRow>(session, node_columns + " WHERE (cluster, name) IN ", names))
    nodes.push_back(to_node(row));
  return nodes;
}

void update_nodes(Transaction& transaction, const std::vector<Contact>& contacts) {
  SqlSession& session = transaction.session();
  RowWriter all(transaction, insert_into_nodes,
                update_of({"instance_id", "hostname", "address", "first_contact", "last_contact",
                           "phase", "phase_since", "ending", "status_message", "keepalive_until"}));
  // A long text of its own, which most contacts do not change.
  RowWriter properties(transaction, insert_into_nodes, update_of({"properties"}));
  for (const auto& [before, now] : contacts) {
    add_node(all, now, "");
    if (now.properties != before.properties) add_node(properties, now, now.properties);
    if (now.last_request != before.last_request)
      execute(session, "UPDATE nodes SET last_request = $1 WHERE cluster = $2 AND name = $3",
              now.last_request, now.cluster, now.name);
    if (now.version != before.version)
      execute(session, "UPDATE nodes SET version = $1 WHERE cluster = $2 AND name = $3",
              now.version, now.cluster, now.name);
    if (is_news(before, now)) transaction.changed("node", now.cluster, now.name);
  }
  all.finish();
  properties.finish();
}

bool is_any_stopped(SqlSession& session, int64_t silent_since) {
  return select_one<int64_t>(session, "SELECT 1 FROM nodes" + stopped_where + " LIMIT 1",
                             silent_since)
      .has_value();
}

void finish_stopping(Transaction& transaction, int64_t silent_since, int64_t now) {
  SqlSession& session = transaction.session();
  const auto found = select<Row<std::string, std::string, std::string>>(
      session, "SELECT cluster, name, ending FROM nodes" + stopped_where + " LIMIT 1000",
      silent_since);
  for (const auto& row : found) {
    execute(session,
            "UPDATE nodes SET phase = $1, phase_since = $2, ending = '' "
            "WHERE cluster = $3 AND name = $4",
            row.get<2>(), now, row.get<0>(), row.get<1>());
    note_silence(session, row.get<0>(), row.get<1>(), now);
    transaction.changed("node", row.get<0>(), row.get<1>());
  }
}

}  // namespace jetpack::hub
