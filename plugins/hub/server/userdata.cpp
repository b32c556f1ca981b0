// A node's configuration: GET /clusterlink/userdata/ID.
#include "server/userdata.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "common/json.hpp"
#include "common/text.hpp"
#include "server/given_configuration.hpp"
#include "server/routes.hpp"
#include "store/messages.hpp"
#include "store/node_table.hpp"
#include "store/user_table.hpp"
#include "store/userdata_id.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/sha256.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

constexpr std::string_view userdata_path = "/clusterlink/userdata/";
constexpr size_t version_digits = 16;
constexpr size_t max_versions = 100'000;

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
  if (named && named->cluster == account.cluster && named->name == account.node) return *named;
  const auto own = find_node(session, account.cluster, account.node);
  const bool is_own =
      own && (own->userdata_id == id || userdata_id(own->cluster, own->name, "") == id ||
              userdata_id(own->cluster, own->name, own->instance_id) == id);
  if (is_own) return *own;
  if (named) throw HttpError(403, "the id belongs to another node");
  throw HttpError(404, "node id not found");
}

std::string properties_of(const Node& node, const std::vector<User>& users) {
  return support::json_object([&](support::Object& object) {
    object.object("cyclecloud", [&](support::Object& cyclecloud) {
      cyclecloud.text("cluster", node.cluster);
      if (const User* owner = owner_of(users)) cyclecloud.text("owner", owner->name);
    });
  });
}

// Writes all members but the version, which is a digest of them.
void write_content(SqlSession& session, support::Object& object, const Node& node) {
  const auto users = list_users(session, node.cluster);
  object.json("configuration", given_configuration(session, node, users))
      .json("properties", properties_of(node, users))
      .list("users", users, write_user);
}

// The version in "jetpack/8.10.0-100100"; "" for another agent.
std::string version_of(std::string_view agent) {
  constexpr std::string_view ours = "jetpack/";
  constexpr size_t max_version = 64;
  if (!agent.starts_with(ours)) return {};
  const std::string_view version = agent.substr(ours.size());
  const auto is_plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '+' || c == '~';
  };
  const bool is_version =
      version.size() <= max_version && std::all_of(version.begin(), version.end(), is_plain);
  return is_version ? std::string(version) : "";
}

// What a node tells by asking: the version of its agent, and that it is ready.
void note_contact(Database& database, const Node& node, const std::string& version, bool is_ready) {
  database.write("storing a node's contact", [&](Transaction& transaction) {
    const auto before = find_node(transaction.session(), node.cluster, node.name);
    if (!before) return;
    Node now = *before;
    now.last_contact = now_ms();
    if (now.first_contact == 0) now.first_contact = now.last_contact;
    if (!version.empty()) now.version = version;
    if (is_ready) {
      now.phase = phase::ready;
      now.phase_since = now.last_contact;
    }
    update_nodes(transaction, {{*before, now}});
  });
}

// A parameter as a number of seconds; 0 when there is none.
int64_t seconds_in(const Parameters& query, const char* name) {
  const std::string text = parameter(query, name);
  int64_t seconds = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, seconds);
  return failure != std::errc{} || rest != end || seconds < 0 ? 0 : seconds;
}

}  // namespace

Poll poll_of(const std::string& path, const Parameters& query) {
  constexpr int64_t longest = 86'400;          // as the agent's setting
  constexpr int64_t latest = 253'402'300'799;  // the last second that ISO 8601 can write
  if (!path.starts_with(userdata_path)) return {};
  const int64_t interval = seconds_in(query, "interval"), booted = seconds_in(query, "booted");
  return {std::min(interval, longest) * 1000, booted > latest ? 0 : booted * 1000};
}

NewestVersions::Known NewestVersions::known_by(const Request& request) {
  return {request.account.revision, request.names[0], parameter(request.query, "known"),
          version_of(request.agent)};
}

bool NewestVersions::has(const Request& request) {
  if (request.account.role != Role::node || request.account.revision == 0) return false;
  const Known asked = known_by(request);
  const std::lock_guard lock(mutex_);
  const auto found = by_account_.find(request.account.id);
  return found != by_account_.end() && found->second == asked;
}

void NewestVersions::remember(const Request& request) {
  if (request.account.role != Role::node || request.account.revision == 0) return;
  Known known = known_by(request);
  const std::lock_guard lock(mutex_);
  if (by_account_.size() >= max_versions) by_account_.clear();
  by_account_[request.account.id] = std::move(known);
}

Response userdata_response(const Scene& scene, const Request& request) {
  Database& database = scene.database;
  const std::string& id = request.names[0];
  if (!is_id(id)) throw HttpError(404, "invalid id: expected 32 hexadecimal digits");
  if (scene.newest != nullptr && scene.newest->has(request)) return {304, ""};
  Node node;
  std::string version, json;
  database.read("reading a node's configuration", [&](SqlSession& session) {
    node = node_of(session, request.account, id);
    const std::string content = support::json_object(
        [&](support::Object& object) { write_content(session, object, node); });
    version = support::sha256_hex(content).substr(0, version_digits);
    json = "{\"version\":\"" + version + "\"," + content.substr(1);
  });
  const bool is_applied = parameter(request.query, "known") == version;
  // While an installation is running, its result decides.
  const bool is_new = node.phase == phase::preparing ||
                      (node.phase == phase::installing && node.status_message.empty());
  const std::string agent = version_of(request.agent);
  const bool is_upgraded = !agent.empty() && agent != node.version;
  if (request.account.role == Role::node && ((is_applied && is_new) || is_upgraded))
    note_contact(database, node, agent, is_applied && is_new);
  if (is_applied && scene.newest != nullptr) scene.newest->remember(request);
  return is_applied ? Response{304, ""} : Response{200, json};
}

}  // namespace jetpack::hub
