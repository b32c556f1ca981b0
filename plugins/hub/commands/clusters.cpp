// The commands `hub cluster ...` and `hub nodearray ...`.
#include <string>

#include "commands/commands.hpp"
#include "commands/hub_client.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "store/node_table.hpp"
#include "store/reports.hpp"
#include "store/target_table.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

int cluster_list(const Call& call) {
  const auto answer = HubClient::either(call).get("/api/clusters", {});
  show_list(
      call, member(answer, "clusters"), {{"CLUSTER", "name"}, {"NODES", "nodes"}},
      "No clusters yet; create one with 'jetpack hub cluster create' or 'jetpack hub enroll'.");
  return 0;
}

int cluster_create(const Call& call) {
  const std::string name = name_option(call, "NAME");
  Database database(known_database(call));
  const bool is_new = database.write("creating a cluster", [&](Transaction& transaction) {
    transaction.changed("node", name);
    return add_cluster(transaction.session(), name);
  });
  return print_result(call,
                      {"create", "cluster", name,
                       is_new ? "Created cluster " + name : "Cluster " + name + " already exists"});
}

int cluster_show(const Call& call) {
  const std::string name = cluster_option(call, "NAME");
  print_json(call,
             HubClient::either(call).get("/clusters/" + name + "/status", {{"nodes", "true"}}));
  return 0;
}

int cluster_configure(const Call& call) {
  const std::string name = cluster_option(call, "NAME"), configuration = object_in_file(call);
  Database database(known_database(call));
  database.write("configuring a cluster", [&](Transaction& transaction) {
    require_cluster(transaction.session(), name);
    set_cluster_configuration(transaction.session(), name, configuration);
  });
  return print_result(call, {"configure", "cluster", name, "Configured cluster " + name});
}

int nodearray_list(const Call& call) {
  const auto answer =
      HubClient::either(call).get("/api/targets", {{"cluster", cluster_option(call)}});
  show_list(call, member(answer, "nodearrays"),
            {{"NODE ARRAY", "name"},
             {"NODES", "target_count"},
             {"CORES", "target_core_count"},
             {"UNTIL", "expires", true},
             {"DYNAMIC", "dynamic"},
             {"REMOVAL", "removal"}},
            "No node arrays.");
  return 0;
}

int nodearray_add(const Call& call) {
  const std::string cluster = cluster_option(call), name = text_option(call, "NAME");
  if (!is_nodearray_name(name))
    throw Error(Errc::usage, "'" + support::one_line(name) + "' is not a valid node array name");
  const std::string definition = call.given("file") ? object_in_file(call) : "{}";
  Database database(known_database(call));
  const bool is_new = database.write("adding a node array", [&](Transaction& transaction) {
    require_cluster(transaction.session(), cluster);
    return put_nodearray(transaction, cluster, name, definition, call.flag("scheduler"));
  });
  return print_result(call, {"add", "nodearray", name,
                             (is_new ? "Added node array " : "Replaced node array ") + name});
}

int nodearray_remove(const Call& call) {
  const std::string cluster = cluster_option(call), name = text_option(call, "NAME");
  Database database(known_database(call));
  database.write("removing a node array", [&](Transaction& transaction) {
    if (!remove_nodearray(transaction, cluster, name)) fail_not_found("node array", name, cluster);
  });
  return print_result(call, {"remove", "nodearray", name, "Removed node array " + name});
}

}  // namespace jetpack::hub
