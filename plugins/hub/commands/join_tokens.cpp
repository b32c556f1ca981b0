// The commands `hub join-token ...`.
#include <algorithm>
#include <string>

#include "commands/commands.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "common/certificates.hpp"
#include "common/text.hpp"
#include "store/join_token_table.hpp"
#include "store/node_table.hpp"
#include "store/target_table.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace {

std::string nodearray_option(const Call& call) {
  std::string name = text_option(call, "nodearray");
  if (!name.empty() && !is_nodearray_name(name))
    throw Error(Errc::usage, "'" + support::one_line(name) + "' is not a valid node array name");
  return name;
}

// What is run on a machine that is to join.
std::string join_command(const std::string& url, const std::string& token,
                         const std::string& ca_hash) {
  return "jetpack join " + url + " --token " + token +
         (ca_hash.empty() ? "" : " --ca-hash " + ca_hash);
}

void write_token(support::JsonWriter& json, const JoinToken& token) {
  support::Object object(json);
  object.text("id", token.id).text("cluster", token.cluster).text("nodearray", token.nodearray);
  object.boolean("may_replace", token.may_replace);
  object.number("uses_left", token.uses_left == JoinToken::any_number
                                 ? std::nullopt
                                 : std::optional(token.uses_left));
  object.time("created", token.created).time("expires", token.expires);
}

}  // namespace

int join_token_create(const Call& call) {
  JoinToken token;
  token.cluster = cluster_option(call);
  token.nodearray = nodearray_option(call);
  token.may_replace = call.flag("replace");
  token.uses_left = call.integer("uses").value_or(JoinToken::any_number);
  token.expires = now_ms() + call.duration("ttl")->count();
  const DataDirectory data = open_data_directory(data_option(call));
  const std::string url = url_option(call, data);
  const std::string ca_hash =
      has_given_certificate(data) ? "" : authority_hash(data.certificates());
  Database database(known_database(call));
  const std::string text = database.write("creating a join token", [&](Transaction& transaction) {
    add_cluster(transaction.session(), token.cluster);
    return create_join_token(transaction.session(), token);
  });
  const std::string command = join_command(url, text, ca_hash);
  const std::string expires = support::iso_8601(support::from_unix_ms(token.expires));
  if (call.flag("json")) {
    call.print(support::shown_json(support::json_object([&](support::Object& object) {
      object.text("id", token.id).text("token", text).text("url", url).text("ca_hash", ca_hash);
      object.text("expires", expires).text("command", command);
    })));
    return 0;
  }
  call.print(command + '\n');
  call.report("Until " + expires + ", on each machine that is to be a node of cluster " +
              token.cluster + ". Whoever has the token can join: keep it secret.\n");
  return 0;
}

int join_token_list(const Call& call) {
  Database database(known_database(call));
  const std::string cluster = cluster_option(call);
  const auto tokens = database.read("reading join tokens", [&](SqlSession& session) {
    return list_join_tokens(session, cluster);
  });
  const auto document = support::parse_json(support::json_array(tokens, write_token), "tokens");
  show_list(call, document,
            {{"ID", "id"},
             {"NODE ARRAY", "nodearray"},
             {"USES LEFT", "uses_left"},
             {"EXPIRES", "expires", true}},
            "No join tokens; create one with 'jetpack hub join-token create'.");
  return 0;
}

int join_token_remove(const Call& call) {
  const std::string cluster = cluster_option(call), id = text_option(call, "ID");
  Database database(known_database(call));
  const bool is_removed = database.write("removing a join token", [&](Transaction& transaction) {
    // As it is given to nodes, too.
    return remove_join_token(transaction.session(), cluster, id.substr(0, id.find('.')));
  });
  if (!is_removed) fail_not_found("join token", id.substr(0, id.find('.')), cluster);
  return print_result(call, {"remove", "join_token", id.substr(0, id.find('.')),
                             "Removed join token " + id.substr(0, id.find('.'))});
}

}  // namespace jetpack::hub
