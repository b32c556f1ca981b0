// The commands `hub node`, `hub cluster`, `hub user` and `hub nodearray`.
#include "commands/administer.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/columns.hpp"
#include "commands/hub_client.hpp"
#include "commands/list.hpp"
#include "commands/serve.hpp"
#include "common/files.hpp"
#include "common/json.hpp"
#include "common/json_writer.hpp"
#include "common/passwords.hpp"
#include "common/text.hpp"
#include "store/database.hpp"
#include "store/messages.hpp"
#include "store/node_table.hpp"
#include "store/reports.hpp"
#include "store/target_table.hpp"
#include "store/user_table.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_file = 1 << 20;
constexpr int64_t min_uid = 1000;  // below are the system's own

[[noreturn]] void usage(const std::string& text) { throw Error(Errc::usage, text); }

std::string text_of_option(const Call& call, const char* name) {
  return std::string(call.text(name).value_or(""));
}

std::string needed(const Call& call, const char* option) {
  std::string text = text_of_option(call, option);
  if (text.empty())
    usage("'" + std::string(*call.text("ACTION")) + "' needs " +
          (option[0] == 'N' ? "a name" : "--" + std::string(option)));
  return text;
}

std::string needed_name(const Call& call, const char* option) {
  std::string name = needed(call, option);
  if (!is_name(name))
    usage("'" + one_line(name) +
          "' cannot be a name: up to 128 letters, digits, '.', '_' and '-', the first a letter or "
          "digit");
  return name;
}

// The JSON object in the file --file.
std::string object_in_file(const Call& call) {
  const std::string file = needed(call, "file");
  const auto text = read_file(file, max_file);
  if (!text) throw Error(Errc::not_found, "cannot read " + file + ": there is no such file");
  const auto document = parse_json(*text);
  if (document.HasParseError() || !document.IsObject())
    usage("cannot use " + file + ": it must hold one JSON object" +
          (document.HasParseError()
               ? "; it is no JSON at byte " + std::to_string(document.GetErrorOffset())
               : ""));
  return to_json(document);
}

[[noreturn]] void missing(const std::string& what, const std::string& name,
                          const std::string& cluster) {
  throw Error(Errc::not_found, "cluster '" + cluster + "' has no " + what + " '" + name + "'");
}

void require_known_cluster(SqlSession& session, const std::string& cluster) {
  if (list_clusters(session, cluster).empty())
    throw Error(Errc::not_found,
                "there is no cluster '" + cluster + "'; 'jetpack hub cluster create' makes one");
}

// What was done: JSON with --json, else a line.
int done(const Call& call, const std::string& text, const char* what, const std::string& name) {
  if (call.flag("json")) {
    call.print(json_object([&](Object& object) {
                 object.text("action", *call.text("ACTION")).text(what, name);
               }) +
               "\n");
  } else {
    call.print(text + "\n");
  }
  return 0;
}

const rapidjson::Value& member(const rapidjson::Document& answer, const char* name) {
  const auto* found = find_member(answer, name);
  if (found == nullptr) throw Error(Errc::internal, std::string("no '") + name + "' in an answer");
  return *found;
}

int act_on_nodes(const Call& call, const std::string& action) {
  const std::string cluster = needed_name(call, "cluster");
  needed(call, "NAME");
  const auto names = call.texts("NAME");
  const std::string body = json_object([&](Object& object) {
    object.text("reason", "asked for by the hub's keeper");
    object.list("names", names, [](JsonWriter& writer, std::string_view name) {
      writer.String(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    });
  });
  const auto answer =
      HubClient::administrator(call).post("/clusters/" + cluster + "/nodes/" + action, body);
  const auto& nodes = member(answer, "nodes");
  show_list(call, nodes, {{"NODE", "name"}, {"STATUS", "status"}, {"ERROR", "error"}}, "");
  for (const auto& node : nodes.GetArray())
    if (shown_member(node, "status") != "OK") return 1;
  return 0;
}

int remove_nodes(const Call& call) {
  const std::string cluster = needed_name(call, "cluster");
  const std::string name = needed(call, "NAME");
  Database database(known_database(call));
  database.write("removing a node", [&](Transaction& transaction) {
    for (const auto each : call.texts("NAME"))
      if (!remove_node(transaction, cluster, each)) missing("node", one_line(each), cluster);
  });
  return done(call, "Removed, with their accounts: " + std::to_string(call.texts("NAME").size()),
              "cluster", cluster);
}

int show_node(const Call& call) {
  const auto answer = HubClient::either(call).get(
      "/api/node", {{"cluster", needed_name(call, "cluster")}, {"node", needed(call, "NAME")}});
  print_json(call, member(answer, "node"));
  return 0;
}

// The names of the nodes to add: those that were given, or one with numbers behind it.
std::vector<std::string> names_to_add(const Call& call) {
  needed(call, "NAME");
  const auto given = call.texts("NAME");
  std::vector<std::string> names(given.begin(), given.end());
  if (const auto count = call.integer("count")) {
    if (names.size() != 1) usage("--count takes one name");
    const std::string prefix = names.front();
    names.clear();
    for (int64_t n = 1; n <= *count; ++n) names.push_back(prefix + std::to_string(n));
  }
  for (const auto& name : names)
    if (!is_name(name)) usage("'" + one_line(name) + "' cannot be a node's name");
  return names;
}

struct AddedNode {
  std::string name, account, password, instance_id;
};

int add_nodes(const Call& call) {
  const std::string cluster = needed_name(call, "cluster");
  std::vector<AddedNode> nodes;
  for (const auto& name : names_to_add(call)) {
    std::string account = cluster;
    account.append("/").append(name);
    nodes.push_back({name, std::move(account), random_password(), random_uuid()});
  }
  Database database(known_database(call));
  database.write("adding nodes", [&](Transaction& transaction) {
    for (const auto& node : nodes)
      if (!enroll_node(
              transaction,
              {0, node.account, Role::node, cluster, node.name, hash_password(node.password)},
              node.instance_id))
        usage("cluster '" + cluster + "' has a node '" + node.name +
              "' already; 'jetpack hub enroll' gives it a new password");
  });
  const auto document = parse_json(json_object([&](Object& object) {
    object.list("nodes", nodes, [](JsonWriter& writer, const AddedNode& node) {
      Object(writer)
          .text("node", node.name)
          .text("username", node.account)
          .text("password", node.password)
          .text("instance_id", node.instance_id);
    });
  }));
  show_list(call, member(document, "nodes"),
            {{"NODE", "node"},
             {"ACCOUNT", "username"},
             {"PASSWORD", "password"},
             {"INSTANCE", "instance_id"}},
            "");
  return 0;
}

int configure_node(const Call& call) {
  const std::string cluster = needed_name(call, "cluster"), name = needed(call, "NAME");
  const std::string json = object_in_file(call);
  Database database(known_database(call));
  database.write("configuring a node", [&](Transaction& transaction) {
    if (!set_node_configuration(transaction.session(), cluster, name, json))
      missing("node", one_line(name), cluster);
  });
  return done(call, "Configured node " + name, "node", name);
}

int list_all_clusters(const Call& call) {
  const auto answer = HubClient::either(call).get("/api/clusters", {});
  show_list(call, member(answer, "clusters"), {{"CLUSTER", "name"}, {"NODES", "nodes"}},
            "No clusters yet; 'jetpack hub enroll' and 'jetpack hub cluster create' make one.");
  return 0;
}

int create_cluster(const Call& call) {
  const std::string name = needed_name(call, "NAME");
  Database database(known_database(call));
  const bool is_new = database.write("making a cluster", [&](Transaction& transaction) {
    transaction.changed("node", name);
    return add_cluster(transaction.session(), name);
  });
  return done(call, (is_new ? "Made cluster " : "There is already a cluster ") + name, "cluster",
              name);
}

int show_cluster(const Call& call) {
  const std::string name = needed_name(call, "NAME");
  const HubClient client = HubClient::either(call);
  print_json(call, client.get("/clusters/" + name + "/status", {{"nodes", "true"}}));
  return 0;
}

int configure_cluster(const Call& call) {
  const std::string name = needed_name(call, "NAME"), json = object_in_file(call);
  Database database(known_database(call));
  database.write("configuring a cluster", [&](Transaction& transaction) {
    require_known_cluster(transaction.session(), name);
    set_cluster_configuration(transaction.session(), name, json);
  });
  return done(call, "Configured cluster " + name, "cluster", name);
}

int list_cluster_users(const Call& call) {
  const std::string cluster = needed_name(call, "cluster");
  Database database(known_database(call));
  const auto users = database.read("reading users", [&](SqlSession& session) {
    require_known_cluster(session, cluster);
    return list_users(session, cluster);
  });
  const std::string text =
      json_object([&](Object& object) { object.list("users", users, write_user); });
  const auto document = parse_json(text);
  show_list(call, member(document, "users"),
            {{"USER", "name"},
             {"UID", "uid"},
             {"ADMIN", "isAdmin"},
             {"OWNER", "isOwner"},
             {"FULL NAME", "fullName"}},
            "No users yet; 'jetpack hub user add' makes one.");
  return 0;
}

// The lines of the files --key, each a public key.
std::string public_keys(const Call& call) {
  std::vector<std::string> keys;
  for (const auto file : call.texts("key")) {
    const auto text = read_file(std::string(file), max_file);
    if (!text)
      throw Error(Errc::not_found, "cannot read the key " + std::string(file) + ": no such file");
    std::string_view rest = *text;
    while (!rest.empty()) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.find_first_not_of(" \t\r") == std::string_view::npos || line.starts_with('#'))
        continue;
      keys.push_back(stored_text(line, max_file) + "\n");
    }
  }
  rapidjson::StringBuffer out;
  JsonWriter writer(out);
  writer.StartArray();
  for (const auto& key : keys) writer.String(key.c_str());
  writer.EndArray();
  return {out.GetString(), out.GetSize()};
}

int add_user(const Call& call) {
  const std::string cluster = needed_name(call, "cluster");
  User user{needed_name(call, "NAME"),
            stored_text(text_of_option(call, "full-name"), 256),
            call.integer("uid").value_or(0),
            call.flag("admin"),
            call.flag("owner"),
            public_keys(call)};
  if (call.given("uid") && user.uid < min_uid)
    usage("--uid must be " + std::to_string(min_uid) + " or more");
  Database database(known_database(call));
  const bool is_new = database.write("adding a user", [&](Transaction& transaction) {
    SqlSession& session = transaction.session();
    require_known_cluster(session, cluster);
    for (const auto& known : list_users(session, cluster)) {
      if (known.name == user.name && user.uid == 0) user.uid = known.uid;
      if (known.name != user.name && known.uid == user.uid)
        usage("user '" + known.name + "' has the UID " + std::to_string(user.uid) + " already");
    }
    if (user.uid == 0) user.uid = free_uid(session, cluster);
    return put_user(session, cluster, user);
  });
  return done(call,
              (is_new ? "Added user " : "Replaced user ") + user.name + " with UID " +
                  std::to_string(user.uid),
              "user", user.name);
}

int drop_user(const Call& call) {
  const std::string cluster = needed_name(call, "cluster"), name = needed(call, "NAME");
  Database database(known_database(call));
  database.write("removing a user", [&](Transaction& transaction) {
    if (!remove_user(transaction.session(), cluster, name))
      missing("user", one_line(name), cluster);
  });
  return done(call, "Removed user " + name, "user", name);
}

int list_cluster_nodearrays(const Call& call) {
  const auto answer =
      HubClient::either(call).get("/api/targets", {{"cluster", needed_name(call, "cluster")}});
  show_list(call, member(answer, "nodearrays"),
            {{"NODE ARRAY", "name"},
             {"NODES", "target_count"},
             {"CORES", "target_core_count"},
             {"UNTIL", "expires"},
             {"DYNAMIC", "dynamic"},
             {"REMOVAL", "removal"}},
            "No node arrays.");
  return 0;
}

int add_nodearray(const Call& call) {
  const std::string cluster = needed_name(call, "cluster"), name = needed(call, "NAME");
  if (!is_nodearray_name(name)) usage("'" + one_line(name) + "' cannot name a node array");
  const std::string definition = call.given("file") ? object_in_file(call) : "{}";
  Database database(known_database(call));
  const bool is_new = database.write("adding a node array", [&](Transaction& transaction) {
    require_known_cluster(transaction.session(), cluster);
    return put_nodearray(transaction, cluster, name, definition);
  });
  return done(call, (is_new ? "Added node array " : "Redefined node array ") + name, "nodearray",
              name);
}

int drop_nodearray(const Call& call) {
  const std::string cluster = needed_name(call, "cluster"), name = needed(call, "NAME");
  Database database(known_database(call));
  database.write("removing a node array", [&](Transaction& transaction) {
    if (!remove_nodearray(transaction, cluster, name))
      missing("node array", one_line(name), cluster);
  });
  return done(call, "Removed node array " + name, "nodearray", name);
}

// One action of a command.
struct Action {
  std::string_view name;
  int (*run)(const Call& call);
};

template <size_t N>
int run_action(const Call& call, const Action (&actions)[N]) {
  for (const auto& action : actions)
    if (action.name == *call.text("ACTION")) return action.run(call);
  throw Error(Errc::internal, "the action is declared and not there");
}

}  // namespace

int administer_node(const Call& call) {
  const std::string action(*call.text("ACTION"));
  if (action == "list") return list_nodes(call);
  if (action == "show") return show_node(call);
  if (action == "add") return add_nodes(call);
  if (action == "configure") return configure_node(call);
  if (action == "remove") return remove_nodes(call);
  return act_on_nodes(call, action);
}

int administer_cluster(const Call& call) {
  constexpr Action actions[] = {{"list", list_all_clusters},
                                {"create", create_cluster},
                                {"show", show_cluster},
                                {"configure", configure_cluster}};
  return run_action(call, actions);
}

int administer_user(const Call& call) {
  constexpr Action actions[] = {
      {"list", list_cluster_users}, {"add", add_user}, {"remove", drop_user}};
  return run_action(call, actions);
}

int administer_nodearray(const Call& call) {
  constexpr Action actions[] = {
      {"list", list_cluster_nodearrays}, {"add", add_nodearray}, {"remove", drop_nodearray}};
  return run_action(call, actions);
}

}  // namespace jetpack::hub
