// The documented REST endpoints that nodes and schedulers use: clusters, nodes, scaling, and the
// endpoint of old autostop scripts. Paths, members and status 202 are those of the public
// documentation; README.md decides what it leaves open.
#pragma once

#include <string>

#include "server/request.hpp"
#include "store/database.hpp"

namespace jetpack::hub {

struct Scene;

// Both throw HttpError 404.
void require_known_cluster(SqlSession& session, const std::string& cluster);
[[noreturn]] void unknown_nodearray(SqlSession& session, const std::string& cluster,
                                    const std::string& name);

// Each responds to a request whose route and reach are known. Throws an HttpError.
Response scale(const Scene& scene, const Request& request);
Response act(const Scene& scene, const Request& request);
Response stop(const Scene& scene, const Request& request);
Response list_cluster_nodes(const Scene& scene, const Request& request);
Response status_of_cluster(const Scene& scene, const Request& request);

}  // namespace jetpack::hub
