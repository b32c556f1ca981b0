// Creates and upgrades the hub's tables. Each version adds to the one before it; a new database
// runs them all. Times are Unix milliseconds, 0 for never.
#include "store/schema.hpp"

#include <span>
#include <vector>

#include <jetpack/error.hpp>
#include "store/revision.hpp"
#include "store/userdata_id.hpp"
#include "support/random.hpp"

namespace jetpack::hub {

namespace {

constexpr const char* version_1[] = {
    "CREATE TABLE hub_schema (version BIGINT NOT NULL)",
    "INSERT INTO hub_schema VALUES (1)",
    "CREATE TABLE clusters (name TEXT PRIMARY KEY)",
    "CREATE TABLE accounts (id {id}, name TEXT NOT NULL UNIQUE, "
    "admin BIGINT NOT NULL, cluster TEXT NOT NULL, node TEXT NOT NULL, password TEXT NOT NULL)",
    "CREATE TABLE nodes (cluster TEXT NOT NULL, name TEXT NOT NULL, instance_id TEXT NOT NULL, "
    "hostname TEXT NOT NULL, address TEXT NOT NULL, first_contact BIGINT NOT NULL, "
    "last_contact BIGINT NOT NULL, properties TEXT NOT NULL, PRIMARY KEY (cluster, name))",
    "CREATE TABLE messages (number {id}, account BIGINT NOT NULL, "
    "id TEXT NOT NULL, cluster TEXT NOT NULL, node TEXT NOT NULL, instance_id TEXT NOT NULL, "
    "type TEXT NOT NULL, sent TEXT NOT NULL, received BIGINT NOT NULL, session TEXT NOT NULL, "
    "data TEXT NOT NULL, UNIQUE (account, id))",
    "CREATE INDEX messages_of_cluster ON messages (cluster, number)",
    // The id of an event is the number of its message.
    "CREATE TABLE events (id {id}, cluster TEXT NOT NULL, node TEXT NOT NULL, "
    "level TEXT NOT NULL, priority BIGINT NOT NULL, text TEXT NOT NULL, extras TEXT NOT NULL, "
    "sent TEXT NOT NULL, received BIGINT NOT NULL)",
    "CREATE INDEX events_of_cluster ON events (cluster, id)",
};

constexpr const char* version_2[] = {
    // One row. Every writer updates it first, so that writers take turns and a number that is
    // seen means that all lower ones are.
    "CREATE TABLE hub_numbers (message BIGINT NOT NULL, change BIGINT NOT NULL)",
    "INSERT INTO hub_numbers SELECT coalesce(max(number), 0), 0 FROM messages",
    // What open pages should read again.
    "CREATE TABLE changes (number {id}, what TEXT NOT NULL, cluster TEXT NOT NULL, "
    "node TEXT NOT NULL)",

    "ALTER TABLE clusters ADD COLUMN configuration TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE nodes ADD COLUMN node_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE nodes ADD COLUMN userdata_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE nodes ADD COLUMN template TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE nodes ADD COLUMN phase TEXT NOT NULL DEFAULT 'Preparing'",
    "ALTER TABLE nodes ADD COLUMN phase_since BIGINT NOT NULL DEFAULT 0",
    // The phase that follows Stopping.
    "ALTER TABLE nodes ADD COLUMN ending TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE nodes ADD COLUMN status_message TEXT NOT NULL DEFAULT ''",
    // -1: forever.
    "ALTER TABLE nodes ADD COLUMN keepalive_until BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE nodes ADD COLUMN configuration TEXT NOT NULL DEFAULT '{}'",
    "UPDATE nodes SET phase = 'Ready' WHERE last_contact > 0",
    "CREATE INDEX nodes_by_userdata ON nodes (userdata_id)",
    "CREATE INDEX nodes_by_phase ON nodes (cluster, phase)",
    "CREATE INDEX nodes_stopping ON nodes (phase_since) WHERE phase = 'Stopping'",
    "CREATE INDEX nodes_by_instance ON nodes (cluster, instance_id)",
    "CREATE INDEX accounts_of_node ON accounts (cluster, node)",

    "CREATE TABLE conditions (cluster TEXT NOT NULL, node TEXT NOT NULL, name TEXT NOT NULL, "
    "status TEXT NOT NULL, message TEXT NOT NULL, description TEXT NOT NULL, "
    "recommendations TEXT NOT NULL, details TEXT NOT NULL, action_type TEXT NOT NULL, "
    "ghr_category TEXT NOT NULL, since BIGINT NOT NULL, updated BIGINT NOT NULL, "
    "PRIMARY KEY (cluster, node, name))",
    "CREATE INDEX conditions_by_status ON conditions (cluster, status)",

    // A count of -1 was not requested.
    "CREATE TABLE nodearrays (cluster TEXT NOT NULL, name TEXT NOT NULL, "
    "definition TEXT NOT NULL, dynamic BIGINT NOT NULL, removal BIGINT NOT NULL, "
    "target_count BIGINT NOT NULL, target_core_count BIGINT NOT NULL, request_set TEXT NOT NULL, "
    "expires BIGINT NOT NULL, PRIMARY KEY (cluster, name))",
    "CREATE INDEX nodearrays_by_expiry ON nodearrays (expires)",
    "CREATE TABLE target_history (id {id}, time BIGINT NOT NULL, cluster TEXT NOT NULL, "
    "nodearray TEXT NOT NULL, target_count BIGINT NOT NULL, target_core_count BIGINT NOT NULL)",
    "CREATE INDEX target_history_by_time ON target_history (cluster, time)",
    "CREATE INDEX target_history_of_array ON target_history (cluster, nodearray, time)",
    "INSERT INTO nodearrays SELECT name, 'execute', '{}', 0, 0, -1, -1, '', 0 FROM clusters",

    "CREATE TABLE users (cluster TEXT NOT NULL, name TEXT NOT NULL, full_name TEXT NOT NULL, "
    "uid BIGINT NOT NULL, is_admin BIGINT NOT NULL, is_owner BIGINT NOT NULL, "
    "public_keys TEXT NOT NULL, PRIMARY KEY (cluster, name))",

    "CREATE TABLE operations (id TEXT PRIMARY KEY, request_id TEXT NOT NULL, "
    "cluster TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL, account TEXT NOT NULL, "
    "created BIGINT NOT NULL)",
    "CREATE INDEX operations_by_time ON operations (cluster, created)",
    "CREATE INDEX operations_by_request ON operations (cluster, request_id)",
    "CREATE TABLE operation_nodes (operation TEXT NOT NULL, cluster TEXT NOT NULL, "
    "node TEXT NOT NULL, node_id TEXT NOT NULL, status TEXT NOT NULL, error TEXT NOT NULL, "
    "PRIMARY KEY (operation, node))",

    // Responses to requests with an Idempotency-Key.
    "CREATE TABLE answers (account BIGINT NOT NULL, key TEXT NOT NULL, status BIGINT NOT NULL, "
    "body TEXT NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (account, key))",
    "CREATE INDEX answers_by_time ON answers (created)",

    "CREATE INDEX events_of_node ON events (cluster, node, id)",
    // What the cluster page shows by default: medium and high.
    "CREATE INDEX events_shown ON events (id) WHERE priority >= 2",
    "CREATE INDEX events_shown_of_cluster ON events (cluster, id) WHERE priority >= 2",
};

constexpr const char* version_3[] = {
    // A JSON object: the last action that was requested for the node, by whom, why and when.
    "ALTER TABLE nodes ADD COLUMN last_request TEXT NOT NULL DEFAULT ''",
};

constexpr const char* version_4[] = {
    // Each node's last converge. A duration or return code of -1: none.
    "CREATE TABLE converges (cluster TEXT NOT NULL, node TEXT NOT NULL, run TEXT NOT NULL, "
    "mode TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, started BIGINT NOT NULL, "
    "updated BIGINT NOT NULL, PRIMARY KEY (cluster, node))",
    "CREATE TABLE converge_steps (cluster TEXT NOT NULL, node TEXT NOT NULL, "
    "number BIGINT NOT NULL, name TEXT NOT NULL, project TEXT NOT NULL, spec TEXT NOT NULL, "
    "script TEXT NOT NULL, status TEXT NOT NULL, duration BIGINT NOT NULL, "
    "return_code BIGINT NOT NULL, output TEXT NOT NULL, PRIMARY KEY (cluster, node, number))",
};

constexpr const char* version_5[] = {
    // Of the agent; "" is unknown.
    "ALTER TABLE nodes ADD COLUMN version TEXT NOT NULL DEFAULT ''",
};

constexpr const char* version_6[] = {
    // Whether the node, or each node of the array, acts for its cluster: set by administrators.
    "ALTER TABLE nodes ADD COLUMN scheduler BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE nodearrays ADD COLUMN scheduler BIGINT NOT NULL DEFAULT 0",
    // Who signed in on the page; of the token in the cookie only a digest.
    ("CREATE TABLE sessions (token TEXT PRIMARY KEY, account BIGINT NOT NULL, "
     "expires BIGINT NOT NULL)"),
    "CREATE INDEX sessions_of_account ON sessions (account)",
    // A digest of the request that the response is for; "" is unknown.
    "ALTER TABLE answers ADD COLUMN request TEXT NOT NULL DEFAULT ''",
};

constexpr const char* version_7[] = {
    // When each node was last heard from. A table of its own, as it changes with every poll. Its
    // columns have names of their own, so that it can be joined with nodes. poll_ms: how often the
    // node says it polls, 0 is unknown. silent_since: the last contact before the node fell silent;
    // 0: it is in contact; 1: it never was.
    "CREATE TABLE contacts (of_cluster TEXT NOT NULL, of_node TEXT NOT NULL, "
    "heard BIGINT NOT NULL, poll_ms BIGINT NOT NULL, silent_since BIGINT NOT NULL, "
    "PRIMARY KEY (of_cluster, of_node))",
    "INSERT INTO contacts SELECT cluster, name, last_contact, 0, 0 FROM nodes "
    "WHERE last_contact > 0",

    // Changes of phases and of conditions. Triggers write it, so that no writer can forget to.
    "CREATE TABLE node_history (id {id}, time BIGINT NOT NULL, cluster TEXT NOT NULL, "
    "node TEXT NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, "
    "message TEXT NOT NULL)",
    "CREATE INDEX node_history_of_node ON node_history (cluster, node, id)",
    "{sqlite}CREATE TRIGGER note_phase AFTER UPDATE OF phase ON nodes "
    "WHEN old.phase <> new.phase BEGIN "
    "INSERT INTO node_history (time, cluster, node, what, name, status, message) VALUES "
    "(new.phase_since, new.cluster, new.name, 'phase', '', new.phase, "
    "substr(new.status_message, 1, 500)); END",
    "{sqlite}CREATE TRIGGER note_condition AFTER UPDATE OF status ON conditions "
    "WHEN old.status <> new.status BEGIN "
    "INSERT INTO node_history (time, cluster, node, what, name, status, message) VALUES "
    "(new.since, new.cluster, new.node, 'condition', new.name, new.status, "
    "substr(new.message, 1, 500)); END",
    "{sqlite}CREATE TRIGGER note_new_condition AFTER INSERT ON conditions "
    "WHEN new.status IN ('Warning', 'Error') BEGIN "
    "INSERT INTO node_history (time, cluster, node, what, name, status, message) VALUES "
    "(new.since, new.cluster, new.node, 'condition', new.name, new.status, "
    "substr(new.message, 1, 500)); END",
    "{postgresql}CREATE FUNCTION note_phase() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN INSERT INTO node_history (time, cluster, node, what, name, status, message) VALUES "
    "(new.phase_since, new.cluster, new.name, ''phase'', '''', new.phase, "
    "substr(new.status_message, 1, 500)); RETURN NULL; END'",
    "{postgresql}CREATE FUNCTION note_condition() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN INSERT INTO node_history (time, cluster, node, what, name, status, message) VALUES "
    "(new.since, new.cluster, new.node, ''condition'', new.name, new.status, "
    "substr(new.message, 1, 500)); RETURN NULL; END'",
    "{postgresql}CREATE TRIGGER note_phase AFTER UPDATE OF phase ON nodes FOR EACH ROW "
    "WHEN (old.phase <> new.phase) EXECUTE FUNCTION note_phase()",
    "{postgresql}CREATE TRIGGER note_condition AFTER UPDATE OF status ON conditions "
    "FOR EACH ROW WHEN (old.status <> new.status) EXECUTE FUNCTION note_condition()",
    "{postgresql}CREATE TRIGGER note_new_condition AFTER INSERT ON conditions "
    "FOR EACH ROW WHEN (new.status IN ('Warning', 'Error')) EXECUTE FUNCTION note_condition()",

    // How many nodes of each array are ready and in contact, from this time on.
    "CREATE TABLE ready_history (id {id}, time BIGINT NOT NULL, cluster TEXT NOT NULL, "
    "nodearray TEXT NOT NULL, nodes BIGINT NOT NULL)",
    "CREATE INDEX ready_history_of_array ON ready_history (cluster, nodearray, time)",
};

constexpr const char* version_8[] = {
    // How many messages are kept of each account, and what they weigh (see retention.cpp); account 0
    // stands for all together.
    "CREATE TABLE message_totals (of_account BIGINT PRIMARY KEY, messages BIGINT NOT NULL, "
    "bytes BIGINT NOT NULL)",
    "{sqlite}INSERT INTO message_totals SELECT account, count(*), "
    "sum(512 + length(CAST(data AS BLOB))) FROM messages GROUP BY account",
    "{postgresql}INSERT INTO message_totals SELECT account, count(*), "
    "sum(512 + octet_length(data)) FROM messages GROUP BY account",
    "INSERT INTO message_totals SELECT 0, coalesce(sum(messages), 0), coalesce(sum(bytes), 0) "
    "FROM message_totals",
    // The oldest of each account.
    "CREATE INDEX messages_of_account ON messages (account, number)",
};

constexpr const char* version_9[] = {
    // Of a token's secret only the SHA-256. -1 uses: any number.
    "CREATE TABLE join_tokens (id TEXT PRIMARY KEY, secret TEXT NOT NULL, cluster TEXT NOT NULL, "
    "nodearray TEXT NOT NULL, may_replace BIGINT NOT NULL, uses_left BIGINT NOT NULL, "
    "created BIGINT NOT NULL, expires BIGINT NOT NULL)",
};

constexpr const char* version_10[] = {
    // See revision.hpp. revised_by: the transaction that changed it, on PostgreSQL.
    "ALTER TABLE hub_numbers ADD COLUMN revision BIGINT NOT NULL DEFAULT 1",
    "ALTER TABLE hub_numbers ADD COLUMN revised_by BIGINT NOT NULL DEFAULT 0",
};

constexpr const char* version_11[] = {
    // Of the ready nodes together; -1 is unknown.
    "ALTER TABLE ready_history ADD COLUMN cores BIGINT NOT NULL DEFAULT -1",
};

constexpr const char* version_12[] = {
    // When the node's machine was started; 0 is unknown.
    "ALTER TABLE contacts ADD COLUMN booted BIGINT NOT NULL DEFAULT 0",
};

constexpr std::span<const char* const> versions[] = {version_1, version_2,  version_3,  version_4,
                                                     version_5, version_6,  version_7,  version_8,
                                                     version_9, version_10, version_11, version_12};
constexpr auto newest_version = static_cast<int64_t>(std::size(versions));

// Values that SQL alone cannot fill in.
void name_nodes(SqlSession& session) {
  using Columns = Row<std::string, std::string, std::string>;
  for (const auto& row :
       select<Columns>(session, "SELECT cluster, name, instance_id FROM nodes WHERE node_id = ''"))
    execute(session,
            "UPDATE nodes SET node_id = $1, userdata_id = $2 WHERE cluster = $3 AND name = $4",
            support::random_uuid(), userdata_id(row.get<0>(), row.get<1>(), row.get<2>()),
            row.get<0>(), row.get<1>());
}

int64_t version_of(SqlSession& session, Dialect dialect) {
  if (!has_table(session, dialect, "hub_schema")) return 0;
  return select_one<int64_t>(session, "SELECT version FROM hub_schema").value_or(0);
}

void upgrade(SqlSession& session, Dialect dialect) {
  lock_schema(session, dialect);
  const int64_t found = version_of(session, dialect);
  if (found > newest_version)
    throw Error(Errc::unsupported, "the database has schema " + std::to_string(found) +
                                       ", but this hub supports up to " +
                                       std::to_string(newest_version) + "; use a newer hub");
  if (found == newest_version) return;
  for (int64_t next = found; next < newest_version; ++next)
    for (const char* statement : versions[next])
      if (const std::string sql = definition(dialect, statement); !sql.empty())
        execute(session, sql);
  name_nodes(session);
  create_revision_triggers(session, dialect);
  execute(session, "UPDATE hub_schema SET version = $1", newest_version);
}

}  // namespace

void prepare_schema(SqlSession& session, Dialect dialect) {
  begin(session, dialect);
  try {
    upgrade(session, dialect);
  } catch (const Error&) {
    rollback(session, dialect);
    throw;
  }
  commit(session, dialect);
}

}  // namespace jetpack::hub
