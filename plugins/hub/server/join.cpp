// Machines that become nodes by themselves: /clusterlink/ca and /clusterlink/join, which need no
// account.
#include "server/join.hpp"

#include "common/json.hpp"
#include "common/passwords.hpp"
#include "common/text.hpp"
#include "server/routes.hpp"
#include "store/join_token_table.hpp"
#include "store/message_table.hpp"
#include "store/node_creation.hpp"
#include "store/node_table.hpp"
#include "store/userdata_id.hpp"
#include "support/json_writer.hpp"
#include "support/random.hpp"

namespace jetpack::hub {

namespace {

// A password that a machine chooses is random, and as long as our own, which are not guessed.
constexpr size_t shortest_password = 43, longest_password = 256;

// What a machine asks for.
struct JoinRequest {
  std::string token, node, password, instance_id;
};

[[noreturn]] void fail(int status, const std::string& text) { throw HttpError(status, text); }

std::string text_in(const rapidjson::Document& object, const char* name) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) return {};
  if (!support::is_string(*member)) fail(400, std::string("'") + name + "' is not a string");
  return std::string(support::text_of(*member));
}

JoinToken require_usable(const std::optional<JoinToken>& token) {
  if (!token || !token->is_usable(now_ms()))
    fail(403,
         "the join token is unknown or has expired; create one with 'jetpack hub join-token "
         "create'");
  return *token;
}

bool is_ended(const Node& node) { return node.phase == phase::terminated || node.phase == "Off"; }

// Whether the machine is the node that it asks for, and only missed the response.
bool is_known(const std::optional<Account>& account, const JoinRequest& request) {
  return account && verify_password(request.password, account->password);
}

// Only an administrator makes a scheduler: a machine that takes over its name would be one.
void require_free(SqlSession& session, const std::optional<Node>& node, const JoinToken& token) {
  if (!node) return;
  if (is_scheduler_node(session, token.cluster, node->name))
    fail(409, "node " + node->name + " of cluster " + token.cluster +
                  " is a scheduler, which no token replaces; remove it with 'jetpack hub node "
                  "remove', or renew its account with 'jetpack hub enroll'");
  if (!is_ended(*node) && !awaits_machine(*node) && !token.may_replace)
    fail(409, "cluster " + token.cluster + " has a node " + node->name +
                  " already; remove it with 'jetpack hub node remove', or create the token with "
                  "--replace");
}

JoinRequest parse(const std::string& body) {
  const auto document = parse_object(body);
  if (!document) fail(400, "the body is not a JSON object");
  JoinRequest request{text_in(*document, "token"), text_in(*document, "node"),
                      text_in(*document, "password"), text_in(*document, "instance_id")};
  if (!is_name(request.node))
    fail(400, "'node' must be letters, digits, '.', '_' and '-', beginning with a letter or digit");
  if (!request.instance_id.empty() && !is_name(request.instance_id))
    fail(400, "'instance_id' must be letters, digits, '.', '_' and '-'");
  if (request.password.size() < shortest_password || request.password.size() > longest_password)
    fail(400, "'password' must be random, and have " + std::to_string(shortest_password) + " to " +
                  std::to_string(longest_password) + " characters");
  return request;
}

}  // namespace

Response describe_authority(const Scene& scene, const Request&) {
  if (scene.certificate == nullptr || scene.certificate->authority().empty())
    fail(404,
         "the hub's certificate is of an authority that nodes have to trust already; leave out "
         "--ca-hash");
  return {200, scene.certificate->authority(), "application/x-pem-file"};
}

Response join_node(const Scene& scene, const Request& asked) {
  const JoinRequest request = parse(asked.body);
  Database& database = scene.database;
  // Without a token nobody makes us hash passwords.
  const auto token = database.read("looking up a join token", [&](SqlSession& session) {
    return find_join_token(session, request.token);
  });
  if (!token) require_usable(token);
  const std::string& cluster = token->cluster;
  Account account{0, cluster + '/' + request.node, Role::node, cluster, request.node, {}};
  const auto known = database.read("looking up an account", [&](SqlSession& session) {
    return find_account(session, account.name);
  });
  const bool is_repeated = is_known(known, request);
  if (!is_repeated) require_usable(token);
  account.password = is_repeated ? known->password : hash_password(request.password);
  const std::string id = database.write("joining a node", [&](Transaction& transaction) {
    SqlSession& session = transaction.session();
    const auto node = find_node(session, cluster, request.node);
    if (is_repeated && node) return node->userdata_id;
    const JoinToken valid = require_usable(find_join_token(session, request.token));
    require_free(session, node, valid);
    const std::string instance =
        request.instance_id.empty() ? support::random_uuid() : request.instance_id;
    enroll_node(transaction, account, instance);
    // The array is the administrator's to say: it may make a scheduler of its nodes.
    if (!valid.nodearray.empty())
      set_node_template(session, cluster, request.node, valid.nodearray);
    use_join_token(session, valid);
    add_event(transaction, cluster, request.node, "joined with token " + valid.id, now_ms());
    return userdata_id(cluster, request.node, instance);
  });
  return {200, support::json_object([&](support::Object& object) {
            object.text("cluster", cluster)
                .text("node", request.node)
                .text("username", account.name)
                .text("userdata_id", id);
          })};
}

}  // namespace jetpack::hub
