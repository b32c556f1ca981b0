// The addresses of the hub: the one place that says who may use which, and on what.
#include "server/routes.hpp"

#include <algorithm>

#include "common/text.hpp"
#include "server/account_api.hpp"
#include "server/cluster_api.hpp"
#include "server/create_api.hpp"
#include "server/health.hpp"
#include "server/join.hpp"
#include "server/keepalive_api.hpp"
#include "server/operations_api.hpp"
#include "server/page_api.hpp"
#include "server/userdata.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

using enum Reach;
using enum Responder;

// In the order of Access: nobody, monitor, node, scheduler, viewer, administrator.
constexpr Access everybody{all, all, all, all, all, all};
constexpr Access accounts{none, none, all, all, all, all};
constexpr Access watchers{none, all, none, none, all, all};
constexpr Access people{none, none, none, none, all, all};
constexpr Access administrators{none, none, none, none, none, all};
constexpr Access readers{none, none, cluster, cluster, all, all};
constexpr Access property_readers{none, none, none, cluster, all, all};
constexpr Access nodes_alone{none, none, self, self, none, none};
constexpr Access own_configuration{none, none, self, self, none, all};
constexpr Access actions{none, none, self, cluster, none, all};
constexpr Access old_actions{none, none, self, cluster, none, none};
constexpr Access scaling{none, none, none, cluster, none, all};

Response describe_locker(const Scene& scene, const Request& request) {
  if (scene.locker == nullptr) throw HttpError(404, "this hub serves no blobs");
  return scene.locker->describe(request);
}

Response sign_report(const Scene& scene, const Request& request) {
  if (scene.locker == nullptr) throw HttpError(404, "this hub serves no blobs");
  return scene.locker->sign(request);
}

constexpr Route table[] = {
    // For machines that are to be nodes, and for monitoring.
    {"GET", "/clusterlink/ca", everybody, answer, "", describe_authority},
    {"POST", "/clusterlink/join", everybody, answer, "", join_node},
    {"GET", "/healthz", everybody, answer, "", answer_health},
    {"GET", "/metrics", watchers, answer, "", answer_metrics},

    // For nodes.
    {"POST", "/clusterlink/messages", nodes_alone, messages, ""},
    {"GET", "/clusterlink/userdata/{id}", own_configuration, answer, "known interval booted",
     userdata_response},
    {"GET", "/clusterlink/locker", nodes_alone, answer, "", describe_locker},
    {"POST", "/clusterlink/sign", nodes_alone, answer, "", sign_report},

    // For nodes and schedulers.
    {"POST", "/clusters/{cluster}/scale/{nodearray}", scaling, answer,
     "totalCoreCount totalNodeCount", scale},
    {"POST", "/clusters/{cluster}/nodes/create", scaling, answer, "", create_nodes_of_sets},
    {"POST", "/clusters/{cluster}/nodes/terminate", actions, answer, "", act},
    {"POST", "/clusters/{cluster}/nodes/deallocate", actions, answer, "", act},
    {"POST", "/clusters/{cluster}/nodes/shutdown", actions, answer, "", act},
    {"POST", "/clusters/{cluster}/nodes/remove", actions, answer, "", act},
    {"POST", "/clusters/{cluster}/nodes/start", actions, answer, "", act},
    {"POST", "/clusters/{cluster}/nodes/restart", actions, answer, "", act},
    {"POST", "/clusters/{cluster}/nodes/reimage", actions, answer, "", act},
    {"POST", "/clusters/{cluster}/nodes/keepalive", administrators, answer, "", keep_alive},
    {"GET", "/cloud/actions/autoscale/{cluster}/stop", old_actions, old_answer, "instance reason",
     stop},
    {"POST", "/cloud/actions/autoscale/{cluster}/stop", actions, answer, "instance reason", stop},
    {"GET", "/clusters/{cluster}/nodes", readers, answer, "operation request_id",
     list_cluster_nodes},
    {"GET", "/clusters/{cluster}/status", readers, answer, "nodes", status_of_cluster},
    {"GET", "/operations", readers, answer, "request_id", list_operations_of_account},
    {"GET", "/operations/{id}", readers, answer, "request_id", show_operation},

    // The cluster page.
    {"GET", "/sign-in", everybody, page, "next"},
    {"GET", "/sign-in/{file}", everybody, page, ""},
    {"POST", "/sign-in", everybody, sign_in, ""},
    {"POST", "/sign-out", everybody, sign_out, ""},
    {"GET", "/", people, page, "*"},
    {"GET", "/clusters/{cluster}", people, page, "*"},
    {"GET", "/clusters/{cluster}/nodes/{node}", people, page, "*"},
    {"GET", "/page/{file}", people, page, ""},
    {"GET", "/api/account", accounts, answer, "", describe_account},
    {"GET", "/api/nodes", readers, answer, "cluster limit after_name properties property text",
     page_api_response},
    {"GET", "/api/node", readers, answer, "cluster node", page_api_response},
    {"GET", "/api/summary", readers, answer, "cluster", page_api_response},
    {"GET", "/api/clusters", readers, answer, "cluster", page_api_response},
    {"GET", "/api/targets", readers, answer, "cluster hours", page_api_response},
    {"GET", "/api/events", readers, answer,
     "after before limit priority cluster node level text since", page_api_response},
    {"GET", "/api/events/low", readers, answer, "cluster node", page_api_response},
    {"GET", "/api/properties", property_readers, answer, "cluster", page_api_response},
    {"GET", "/api/events/stream", readers, stream, "after limit priority cluster node"},
    {"GET", "/api/messages", readers, answer, "after before limit type cluster node",
     page_api_response},
};

// The next segment of a path that begins with '/', which is removed.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

// What the placeholders stand for, or nullopt when the path is not the route's.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> names;
  if (path.size() > 2 && path.ends_with('/')) path.remove_suffix(1);  // "/operations/"
  while (!pattern.empty() && path.starts_with('/')) {
    const std::string_view wanted = take_segment(pattern), found = take_segment(path);
    if (!wanted.starts_with('{')) {
      if (wanted != found) return std::nullopt;
      continue;
    }
    const bool is_strict = wanted == "{cluster}" || wanted == "{node}";
    if (found.empty() || (is_strict && !is_name(found))) return std::nullopt;
    names.emplace_back(found);
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return names;
}

// Whether `word` is one of the words of `list`.
bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(' '), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

std::string_view to_text(Reach reach) {
  switch (reach) {
    case none:
      return "-";
    case self:
      return "itself";
    case cluster:
      return "its cluster";
    case all:
      return "yes";
  }
  return "-";
}

}  // namespace

Caller caller_of(const Account& account) {
  switch (account.role) {
    case Role::admin:
      return Caller::administrator;
    case Role::viewer:
      return Caller::viewer;
    case Role::monitor:
      return Caller::monitor;
    case Role::node:
      break;
  }
  return account.is_scheduler ? Caller::scheduler : Caller::node;
}

std::string_view to_text(Caller caller) {
  constexpr std::string_view texts[] = {"nobody",    "monitor", "node",
                                        "scheduler", "viewer",  "administrator"};
  return texts[static_cast<size_t>(caller)];
}

Reach Access::of(Caller caller) const {
  const Reach all_of_them[] = {nobody, monitor, node, scheduler, viewer, administrator};
  return all_of_them[static_cast<size_t>(caller)];
}

std::span<const Route> all_routes() { return table; }

RouteFound find_route(std::string_view method, std::string_view path) {
  if (method == "HEAD") method = "GET";
  RouteFound found;
  for (const Route& route : table) {
    auto names = match(route.path, path);
    if (!names) continue;
    if (route.method == method) return {&route, *std::move(names), {}};
    found.allowed.append(found.allowed.empty() ? "" : ", ").append(route.method);
  }
  return found;
}

Reach require_access(const Route& route, const std::vector<std::string>& names,
                     const Account& account) {
  const Reach reach = route.access.of(caller_of(account));
  if (reach == none && account.role == Role::monitor)
    throw HttpError(403, "a monitor's token is for /metrics alone");
  if (reach == none && account.role != Role::node)
    throw HttpError(403, account.role == Role::viewer && route.access.administrator != none
                             ? "viewers can only read"
                             : "only nodes can do this; create a node's account with 'jetpack hub "
                               "enroll'");
  if (reach == none)
    throw HttpError(403, route.access.scheduler != none
                             ? "only nodes that are marked as schedulers can do this; mark one "
                               "with 'jetpack hub node configure NODE --scheduler'"
                             : "this is for administrators; create one with 'jetpack hub admin'");
  if (route.path.find("{cluster}") != std::string_view::npos && reach != all)
    require_sight(account, names.front());
  return reach;
}

void require_known_parameters(const Route& route, const Parameters& query) {
  if (route.parameters == "*") return;
  for (const auto& [name, value] : query)
    if (!has_word(route.parameters, name))
      throw HttpError(400, "unknown query parameter '" + support::one_line(name) + "'; expected " +
                               (route.parameters.empty() ? std::string("none")
                                                         : std::string(route.parameters)));
}

Response respond(const Scene& scene, Request request) {
  auto found = find_route(request.method, request.path);
  if (found.route == nullptr && !found.allowed.empty())
    throw HttpError(405, "use " + found.allowed, found.allowed);
  if (found.route == nullptr || found.route->handler == nullptr) throw HttpError(404, "not found");
  request.reach = require_access(*found.route, found.names, request.account);
  require_known_parameters(*found.route, request.query);
  request.names = std::move(found.names);
  return found.route->handler(scene, request);
}

std::string access_document() {
  std::string text =
      "# Who may do what\n\n"
      "Generated from `server/routes.cpp`, which the hub goes by; a test compares the two, and "
      "another asks each address\nas each of these. An address that is not in this table does not "
      "exist.\n\n"
      "- *nobody*: without credentials.\n"
      "- *monitor*: a token for Prometheus, `jetpack hub admin --role monitor`.\n"
      "- *node*: a node's account. *scheduler*: that of a node that an administrator has marked, "
      "or "
      "its node array.\n"
      "- *viewer*, *administrator*: accounts of people, `jetpack hub admin --role`.\n"
      "- `itself`, `its cluster`: of and to its own node or cluster, 403 for others; `-`: 403, or "
      "401 for nobody.\n\n"
      "Configuration of a node is shown to administrators, to the schedulers of its cluster and to "
      "itself, properties also\nto viewers. Blobs are not at these addresses: a node reads the "
      "software of its own cluster, creates reports below\n`issues/CLUSTER/NODE/`, and nothing "
      "else; nobody else reaches any, but by the URL of a report.\n\n"
      "| method | address |";
  for (const Caller caller : all_callers) text.append(" ").append(to_text(caller)).append(" |");
  text += "\n|---|---|---|---|---|---|---|---|\n";
  for (const Route& route : table) {
    text.append("| ").append(route.method).append(" | `").append(route.path).append("` |");
    for (const Caller caller : all_callers)
      text.append(" ").append(to_text(route.access.of(caller))).append(" |");
    text += "\n";
  }
  return text;
}

}  // namespace jetpack::hub
