// The clusters and nodes tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/account_table.hpp"
#include "store/batch.hpp"
#include "store/database.hpp"
#include "store/reports.hpp"

namespace jetpack::hub {

// A node's phases, as texts that everybody sees.
namespace phase {
inline constexpr const char* off = "Off";
inline constexpr const char* preparing = "Preparing";    // no contact yet
inline constexpr const char* installing = "Installing";  // in contact, not ready yet
inline constexpr const char* ready = "Ready";
inline constexpr const char* failed = "Failed";
inline constexpr const char* stopping = "Stopping";  // termination was requested
inline constexpr const char* terminated = "Terminated";
}  // namespace phase

struct Node {
  std::string cluster, name, instance_id, hostname, address;
  int64_t first_contact = 0, last_contact = 0;  // Unix milliseconds; 0: never
  std::string properties = "{}";                // a JSON object
  std::string node_id, userdata_id;
  std::string template_name;  // the node array, or ""
  std::string phase = phase::preparing;
  int64_t phase_since = 0;
  std::string ending;  // the phase that follows Stopping
  std::string status_message;
  int64_t keepalive_until = 0;       // Unix milliseconds; 0: not requested; or keepalive_forever
  std::string configuration = "{}";  // a JSON object, for this node alone
  std::string last_request;          // a JSON object: see Operation; "": none of this machine
  std::string version;               // of its agent; "": unknown
};

struct Cluster {
  std::string name;
  int64_t nodes = 0;
  std::string configuration = "{}";  // a JSON object, for all of its nodes
};

// Whether the node's request not to be stopped when idle is still in force.
bool is_kept_alive(const Node& node, int64_t now);

// Creates the cluster, with the node array 'execute', unless it exists; true when it is new.
bool add_cluster(SqlSession& session, std::string_view name);
// An empty name stands for all.
std::vector<Cluster> list_clusters(SqlSession& session, std::string_view name);
// A JSON object.
std::string cluster_configuration(SqlSession& session, std::string_view cluster);
// Throws Errc::not_found when there is no such cluster.
void require_cluster(SqlSession& session, const std::string& cluster);
bool set_cluster_configuration(SqlSession& session, std::string_view cluster,
                               std::string_view json);

// Registers the node, its cluster and its account; a known account gets the new password. An
// instance that another node has becomes this one's. True when the account is new.
bool enroll_node(Transaction& transaction, const Account& account, std::string_view instance_id);
std::optional<Node> find_node(SqlSession& session, std::string_view cluster, std::string_view name);
std::optional<Node> find_node_by_userdata(SqlSession& session, std::string_view userdata_id);
bool set_node_configuration(SqlSession& session, std::string_view cluster, std::string_view name,
                            std::string_view json);
// Marks a node that acts for its cluster, or takes the mark away.
bool set_node_scheduler(SqlSession& session, std::string_view cluster, std::string_view name,
                        bool is_scheduler);
// Whether the node itself or its node array is marked.
bool is_scheduler_node(SqlSession& session, std::string_view cluster, std::string_view name);
bool set_node_template(SqlSession& session, std::string_view cluster, std::string_view name,
                       std::string_view nodearray);
// Forgets the node's machine, what it reported and its id: another will be this node. The history of
// the name stays.
void forget_machine(SqlSession& session, std::string_view cluster, std::string_view name);
// With its account and its conditions; false when it does not exist.
bool remove_node(Transaction& transaction, std::string_view cluster, std::string_view name);

// A part of the list, ordered by cluster and name.
struct NodeRange {
  std::string cluster;          // "": all
  std::string after_name = {};  // within the cluster
  int64_t limit = 100'000;
  std::string text = {};  // of the name, host name, address or instance id; "": all
};
inline NodeRange all_nodes_of(std::string_view cluster) {
  NodeRange range;
  range.cluster = cluster;
  return range;
}
std::vector<Node> list_nodes(SqlSession& session, const NodeRange& range);

// How often a text occurs.
struct Count {
  std::string of;
  int64_t count = 0;
};
std::vector<Count> count_phases(SqlSession& session, std::string_view cluster);

// The nodes with these names (cluster, node), as far as they exist.
std::vector<Node> find_nodes(SqlSession& session, const std::vector<NodeName>& names);

// A node before and after a contact.
struct Contact {
  Node before, now;
};
// Stores what contacts changed: everything except names, known ids and the configuration. The nodes
// exist, and each occurs once.
void update_nodes(Transaction& transaction, const std::vector<Contact>& contacts);

// Marks nodes that were asked to stop and have been silent since `silent_since` as off or
// terminated.
void finish_stopping(Transaction& transaction, int64_t silent_since, int64_t now);
// Whether there is such a node.
bool is_any_stopped(SqlSession& session, int64_t silent_since);

}  // namespace jetpack::hub
