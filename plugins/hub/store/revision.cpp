// The revision of what nodes and accounts are given: a number that changes with each input of it.
#include "store/revision.hpp"

#include <string>
#include <string_view>

namespace jetpack::hub {

namespace {

// An event that changes the revision. Triggers see to it, so that no writer can forget to.
struct Input {
  std::string_view name, event, table;
  std::string_view condition;  // "": always
};

// Contacts, targets and reports are written all the time and are left out.
constexpr Input inputs[] = {
    {"added_node", "INSERT", "nodes", ""},
    {"removed_node", "DELETE", "nodes", ""},
    {"configured_node",
     "UPDATE OF cluster, name, node_id, userdata_id, instance_id, template, scheduler, "
     "configuration",
     "nodes",
     "old.cluster <> new.cluster OR old.name <> new.name OR old.node_id <> new.node_id OR "
     "old.userdata_id <> new.userdata_id OR old.instance_id <> new.instance_id OR "
     "old.template <> new.template OR old.scheduler <> new.scheduler OR "
     "old.configuration <> new.configuration"},
    // It is to become ready again.
    {"restarted_node", "UPDATE OF phase, status_message", "nodes",
     "new.phase IN ('Preparing', 'Installing') AND "
     "(old.phase <> new.phase OR old.status_message <> new.status_message)"},
    {"added_nodearray", "INSERT", "nodearrays", ""},
    {"removed_nodearray", "DELETE", "nodearrays", ""},
    {"configured_nodearray", "UPDATE OF cluster, name, definition, scheduler", "nodearrays",
     "old.cluster <> new.cluster OR old.name <> new.name OR old.definition <> new.definition OR "
     "old.scheduler <> new.scheduler"},
    {"added_cluster", "INSERT", "clusters", ""},
    {"removed_cluster", "DELETE", "clusters", ""},
    {"configured_cluster", "UPDATE", "clusters", ""},
    {"added_user", "INSERT", "users", ""},
    {"removed_user", "DELETE", "users", ""},
    {"changed_user", "UPDATE", "users", ""},
    {"removed_account", "DELETE", "accounts", ""},
    {"changed_account", "UPDATE", "accounts", ""},
};

// PostgreSQL keeps each version of a row until the transaction ends, so there it changes once in a
// transaction.
constexpr const char* postgresql_function =
    "CREATE OR REPLACE FUNCTION revise() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
    "UPDATE hub_numbers SET revision = revision + 1, revised_by = txid_current() "
    "WHERE revised_by <> txid_current(); RETURN NULL; END'";

std::string body_of(const Input& input, Dialect dialect) {
  const std::string condition(input.condition);
  if (dialect == Dialect::sqlite)
    return (condition.empty() ? "" : " WHEN " + condition) +
           " BEGIN UPDATE hub_numbers SET revision = revision + 1; END";
  return " FOR EACH ROW" + (condition.empty() ? "" : " WHEN (" + condition + ")") +
         " EXECUTE FUNCTION revise()";
}

}  // namespace

void create_revision_triggers(SqlSession& session, Dialect dialect) {
  if (dialect == Dialect::postgresql) execute(session, postgresql_function);
  for (const Input& input : inputs) {
    const std::string name = "revise_" + std::string(input.name);
    const std::string table = " ON " + std::string(input.table);
    execute(session, "DROP TRIGGER IF EXISTS " + name + (dialect == Dialect::sqlite ? "" : table));
    std::string trigger = "CREATE TRIGGER " + name;
    trigger.append(" AFTER ").append(input.event).append(table).append(body_of(input, dialect));
    execute(session, trigger);
  }
}

}  // namespace jetpack::hub
