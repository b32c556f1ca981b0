// How the hub is: GET /healthz for whoever watches it, GET /metrics for Prometheus.
#include "server/health.hpp"

#include <algorithm>

#include "store/condition_table.hpp"
#include "store/node_table.hpp"
#include "support/prometheus.hpp"

namespace jetpack::hub {

std::string health(Database& database) {
  database.position();
  return R"({"status":"ok"})";
}

std::string metrics(Database& database, int64_t certificate_ends) {
  struct Counted {
    std::vector<Count> phases, conditions;
    std::vector<Cluster> clusters;
  };
  const Position position = database.position();
  const auto counted = database.read("counting nodes", [](SqlSession& session) {
    return Counted{count_phases(session, ""), count_conditions(session, ""),
                   list_clusters(session, "")};
  });
  const auto number = [](int64_t value) {
    return static_cast<uint64_t>(std::max<int64_t>(value, 0));
  };
  support::Metrics metrics("jetpack_hub_");
  metrics.metric("gauge", "nodes", "Nodes, by phase.");
  for (const auto& [phase, count] : counted.phases)
    metrics.sample(number(count), {{"phase", phase}});
  metrics.metric("gauge", "cluster_nodes", "Nodes, by cluster.");
  for (const auto& cluster : counted.clusters)
    metrics.sample(number(cluster.nodes), {{"cluster", cluster.name}});
  metrics.metric("gauge", "conditions", "Health conditions, by status.");
  for (const auto& [status, count] : counted.conditions)
    metrics.sample(number(count), {{"status", status}});
  metrics.add("counter", "messages_total", "Messages that nodes sent.", number(position.message));
  metrics.add("gauge", "certificate_expiry_timestamp_seconds",
              "When the server's certificate expires; 0 if unknown.", number(certificate_ends));
  metrics.add_process();
  return metrics.take();
}

}  // namespace jetpack::hub
