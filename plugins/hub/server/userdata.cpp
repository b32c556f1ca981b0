// A node's configuration: GET /clusterlink/userdata/ID.
#include "server/userdata.hpp"

#include <algorithm>

#include "common/text.hpp"
#include "store/messages.hpp"
#include "store/node_table.hpp"
#include "store/user_table.hpp"
#include "store/userdata_id.hpp"
#include "support/json_writer.hpp"
#include "support/sha256.hpp"

namespace jetpack::hub {

namespace {

constexpr std::string_view userdata_path = "/clusterlink/userdata/";
constexpr size_t version_digits = 16;

bool is_id(std::string_view text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// The node with this id. An agent may compute the id from what it knows by itself.
Node node_of(SqlSession& session, const Account& account, const std::string& id) {
  const auto named = find_node_by_userdata(session, id);
  if (account.role == Role::admin) {
    if (named) return *named;
    throw HttpError(404, "node id not found");
  }
  const auto own = find_node(session, account.cluster, account.node);
  const bool is_own =
      own && (own->userdata_id == id || userdata_id(own->cluster, own->name, "") == id ||
              userdata_id(own->cluster, own->name, own->instance_id) == id);
  if (is_own) return *own;
  if (named) throw HttpError(403, "the id belongs to another node");
  throw HttpError(404, "node id not found");
}

// The configuration of the cluster, then that of the node, then its identity.
std::string configuration_of(SqlSession& session, const Node& node) {
  const auto clusters = list_clusters(session, node.cluster);
  const std::string shared = clusters.empty() ? "{}" : clusters.front().configuration;
  const std::string identity = support::json_object([&](support::Object& object) {
    object.object("cyclecloud", [&](support::Object& cyclecloud) {
      cyclecloud.object("cluster",
                        [&](support::Object& cluster) { cluster.text("name", node.cluster); });
      cyclecloud.object("node", [&](support::Object& self) {
        self.text("name", node.name).text("id", node.node_id);
        if (!node.template_name.empty()) self.text("template", node.template_name);
      });
    });
  });
  return merge_json(merge_json(shared, node.configuration), identity);
}

std::string properties_of(const Node& node, const std::vector<User>& users) {
  return support::json_object([&](support::Object& object) {
    object.object("cyclecloud", [&](support::Object& cyclecloud) {
      cyclecloud.text("cluster", node.cluster);
      const auto owner =
          std::find_if(users.begin(), users.end(), [](const User& user) { return user.is_owner; });
      if (owner != users.end()) cyclecloud.text("owner", owner->name);
    });
  });
}

// Writes all members but the version, which is a digest of them.
void write_content(SqlSession& session, support::Object& object, const Node& node) {
  const auto users = list_users(session, node.cluster);
  object.json("configuration", configuration_of(session, node))
      .json("properties", properties_of(node, users))
      .list("users", users, write_user);
}

void note_applied(Database& database, const Node& node) {
  database.write("marking a node as ready", [&](Transaction& transaction) {
    const auto before = find_node(transaction.session(), node.cluster, node.name);
    if (!before) return;
    Node now = *before;
    now.phase = phase::ready;
    now.phase_since = now.last_contact = now_ms();
    if (now.first_contact == 0) now.first_contact = now.last_contact;
    update_nodes(transaction, {{*before, now}});
  });
}

}  // namespace

std::optional<Response> userdata_response(Database& database, const Request& request) {
  if (!request.path.starts_with(userdata_path)) return std::nullopt;
  require_method(request.method, "GET");
  const std::string id = request.path.substr(userdata_path.size());
  if (!is_id(id)) throw HttpError(404, "invalid id: expected 32 hexadecimal digits");
  Node node;
  std::string version, json;
  database.read("reading a node's configuration", [&](SqlSession& session) {
    node = node_of(session, request.account, id);
    const std::string content = support::json_object(
        [&](support::Object& object) { write_content(session, object, node); });
    version = support::sha256_hex(content).substr(0, version_digits);
    json = "{\"version\":\"" + version + "\"," + content.substr(1);
  });
  if (parameter(request.query, "known") != version) return Response{200, json};
  // While an installation is running, its result decides.
  const bool is_new = node.phase == phase::preparing ||
                      (node.phase == phase::installing && node.status_message.empty());
  if (is_new && request.account.role == Role::node) note_applied(database, node);
  return Response{304, ""};
}

}  // namespace jetpack::hub
