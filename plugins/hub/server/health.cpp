// How the hub is: GET /healthz for monitoring, GET /metrics for Prometheus.
#include "server/health.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Timespan.h>

#include "server/routes.hpp"
#include "store/condition_table.hpp"
#include "store/node_table.hpp"
#include "support/prometheus.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

void add_refused(support::Metrics& metrics, const Counters& counters) {
  metrics.metric("counter", "refused_total", "Requests and broker messages of nodes not stored.");
  metrics.sample(counters.https_over_quota, {{"way", "https"}, {"reason", "quota"}});
  metrics.sample(counters.broker_over_quota, {{"way", "broker"}, {"reason", "quota"}});
  metrics.sample(counters.broker_invalid, {{"way", "broker"}, {"reason", "invalid"}});
}

}  // namespace

Response answer_health(const Scene& scene, const Request&) {
  scene.database.position();
  return {200, R"({"status":"ok"})"};
}

Response answer_metrics(const Scene& scene, const Request&) {
  struct Counted {
    std::vector<Count> phases, conditions;
    std::vector<Cluster> clusters;
  };
  const Position position = scene.database.position();
  const auto counted = scene.database.read("counting nodes", [](SqlSession& session) {
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
  if (scene.counters != nullptr) add_refused(metrics, *scene.counters);
  metrics.add("gauge", "certificate_expiry_timestamp_seconds",
              "When the server's certificate expires; 0 if unknown.",
              number(scene.certificate == nullptr ? 0 : scene.certificate->ends()));
  metrics.add_process();
  return {200, metrics.take(), "text/plain; version=0.0.4; charset=utf-8"};
}

bool does_answer(const std::string& host, uint16_t port) {
  constexpr long patience_seconds = 10;
  try {
    const net::Context::Ptr context(
        std::make_unique<net::Context>(net::Context::TLS_CLIENT_USE, "", net::Context::VERIFY_NONE)
            .release());
    net::HTTPSClientSession session(host, port, context);
    session.setTimeout(Poco::Timespan(patience_seconds, 0));
    net::HTTPRequest request(net::HTTPRequest::HTTP_GET, "/healthz", net::HTTPMessage::HTTP_1_1);
    session.sendRequest(request);
    net::HTTPResponse response;
    session.receiveResponse(response);
    return true;
  } catch (const Poco::Exception&) {
    return false;
  }
}

}  // namespace jetpack::hub
