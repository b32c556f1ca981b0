// Serves Azure's instance metadata service as far as a node uses it, simulated: plain HTTP on
// loopback.
#include "azure/metadata_server.hpp"

#include <optional>
#include <utility>
#include <vector>

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/StreamSocket.h>

#include <jetpack/error.hpp>
#include "azure/instance.hpp"
#include "azure/metadata_request.hpp"
#include "blobs/blob_names.hpp"
#include "blobs/blob_token.hpp"
#include "common/background.hpp"
#include "common/json.hpp"
#include "common/text.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

constexpr size_t max_metadata_requests = 16;  // threads
constexpr size_t max_start_requests = 1 << 20;
constexpr int64_t token_seconds = 86400;
constexpr std::string_view instance_path = "/instance";

struct Reply {
  int status = 200;
  std::string body;
  const char* type = "application/json; charset=utf-8";
};

Reply from_error(const MetadataError& error) { return {error.status(), error.what()}; }

// Which faults a request can have.
const char* fault_area(const net::HTTPServerRequest& asked) {
  const std::string& path = asked.getURI();
  if (path.find("/metadata/scheduledevents") != std::string::npos)
    return asked.getMethod() == "POST" ? "startrequests" : "scheduledevents";
  return path.find("/metadata/identity") != std::string::npos ? "identity" : "instance";
}

void require_get(const MetadataRequest& request) {
  if (request.method != "GET") throw MetadataError(405, metadata_error("Method not allowed"));
}

// The node that the path names, or the only one there is.
Node node_of(Database& database, const MetadataRequest& request) {
  NodeRange range;
  range.cluster = request.cluster;
  const auto nodes = database.read("reading nodes",
                                   [&](SqlSession& session) { return list_nodes(session, range); });
  std::vector<Node> matching;
  for (const auto& node : nodes)
    if (request.node.empty() || node.name == request.node) matching.push_back(node);
  if (matching.size() == 1) return matching.front();
  throw MetadataError(
      404, metadata_error(matching.empty()
                              ? "Not found. The hub has no such node"
                              : "Not found. The hub has several such nodes: use the address "
                                "/CLUSTER/NODE/metadata"));
}

Reply instance_reply(Database& database, const MetadataRequest& request) {
  require_get(request);
  const bool is_text = request.parameter("format") == "text";
  const auto document = instance_document(node_of(database, request));
  const auto* part = part_of(document, std::string_view(request.path).substr(instance_path.size()));
  if (part == nullptr) throw MetadataError(404, metadata_error("Not found"));
  if (is_text) return {200, part_as_text(*part), "text/plain; charset=utf-8"};
  if (part->IsString())
    throw MetadataError(400, metadata_error("Bad request. A value needs format=text"));
  return {200, support::to_json(*part)};
}

Reply identity_error(const char* error, const char* description) {
  return {400, support::json_object([&](support::Object& object) {
            object.text("error", error).text("error_description", description);
          })};
}

Reply token_reply(MetadataServices& shared, const MetadataRequest& request) {
  require_get(request);
  if (request.path != "/identity/oauth2/token")
    throw MetadataError(404, metadata_error("Not found"));
  const std::string resource = request.parameter("resource");
  if (resource.empty())
    return identity_error("invalid_request", "Required query variable 'resource' is missing");
  if (resource.find("://") == std::string::npos)
    return identity_error("invalid_resource", "The resource is not a valid URI");
  for (const char* name : {"client_id", "object_id", "msi_res_id"})
    if (!request.parameter(name).empty())
      return identity_error("invalid_request", "Identity not found");
  const Node node = node_of(shared.database, request);
  const int64_t now = now_ms() / 1000;
  const int64_t expires = now + token_seconds;
  return {200, support::json_object([&](support::Object& object) {
            object
                .text("access_token",
                      issue_token(shared.account, resource,
                                  {node.instance_id, locker_container(node.cluster)}, now, expires))
                .text("client_id", node.instance_id)
                .text("expires_in", std::to_string(token_seconds))
                .text("expires_on", std::to_string(expires))
                .text("ext_expires_in", std::to_string(token_seconds))
                .text("not_before", std::to_string(now))
                .text("resource", resource)
                .text("token_type", "Bearer");
          })};
}

// The ids of a StartRequests. Throws a MetadataError.
std::vector<std::string> ids_to_start(net::HTTPServerRequest& asked) {
  std::string body(max_start_requests + 1, '\0');
  asked.stream().read(body.data(), static_cast<std::streamsize>(body.size()));
  body.resize(static_cast<size_t>(asked.stream().gcount()));
  const auto document = body.size() > max_start_requests ? std::nullopt : parse_object(body);
  const auto* list = document ? support::find_member(*document, "StartRequests") : nullptr;
  std::vector<std::string> ids;
  if (list != nullptr && list->IsArray())
    for (const auto& request : list->GetArray())
      if (auto id = support::find_string(request, "EventId")) ids.push_back(*std::move(id));
  if (ids.empty() || ids.size() != list->Size())
    throw MetadataError(400, metadata_error("Bad request. Malformed StartRequests"));
  return ids;
}

// Azure's document is that of a whole scale set: all nodes get the same.
Reply events_reply(MetadataServices& shared, const MetadataRequest& request,
                   net::HTTPServerRequest& asked, const std::string& fault) {
  if (request.method == "POST") {
    const auto ids = ids_to_start(asked);
    bool known = false;
    shared.simulation.update(
        [&](Simulation& simulation) { known = start(simulation, ids, now_ms()); });
    for (const auto& id : ids)
      shared.log.info("simulated Azure: " + std::string(known ? "start" : "refused start") +
                      " of event " + support::one_line(id));
    if (!known) throw MetadataError(400, metadata_error("Bad request. Unknown EventId"));
    return {200, ""};
  }
  require_get(request);
  std::string document;
  shared.simulation.update([&](const Simulation& simulation) {
    Simulation shown = simulation;
    if (fault == "stale" || fault == "duplicate") --shown.incarnation;
    if (fault == "stale") shown.events.clear();
    if (fault == "duplicate")
      shown.events.insert(shown.events.end(), simulation.events.begin(), simulation.events.end());
    document = events_document(shown, request.parameter("api-version"));
  });
  return {200, document};
}

Reply right_reply(MetadataServices& shared, net::HTTPServerRequest& asked,
                  const std::string& fault) {
  const MetadataRequest request = read_metadata_request(asked);
  if (request.path == "/versions") {
    require_get(request);
    return {200, api_versions()};
  }
  check_api_version(request);
  if ((request.path + '/').starts_with(std::string(instance_path) + '/'))
    return instance_reply(shared.database, request);
  if (request.path.starts_with("/identity/")) return token_reply(shared, request);
  if (request.path == "/scheduledevents") return events_reply(shared, request, asked, fault);
  throw MetadataError(404, metadata_error("Not found"));
}

// Handles one request.
class MetadataHandler : public Handler {
 public:
  explicit MetadataHandler(MetadataServices& shared) : shared_(shared) {}

  uint64_t admit(net::HTTPServerRequest& /*asked*/, net::HTTPServerResponse& response) override {
    response.set("Server", "jetpack-hub-metadata");
    return max_start_requests;
  }

  void handle(net::HTTPServerRequest& asked, net::HTTPServerResponse& response) override {
    // An unread body would be parsed as the next request.
    const bool has_body = asked.getChunkedTransferEncoding() ||
                          (asked.hasContentLength() && asked.getContentLength64() != 0);
    if (has_body) response.setKeepAlive(false);
    try {
      std::optional<Fault> fault;
      shared_.simulation.update(
          [&](Simulation& simulation) { fault = take_fault(simulation, fault_area(asked)); });
      serve(asked, response, fault.value_or(Fault{}));
    } catch (const Error& error) {
      shared_.log.error(error.what());
      send(response, {500, metadata_error("internal error; see the hub's log")});
    }
  }

  void refuse(net::HTTPServerResponse& response, int status, const std::string& reason) override {
    send(response, {status, metadata_error(reason)});
  }

 private:
  void serve(net::HTTPServerRequest& asked, net::HTTPServerResponse& response, const Fault& fault) {
    if (fault.delay != 0)
      pause(shared_.stopping.get_token(), std::chrono::milliseconds{fault.delay});
    if (fault.kind == "refuse") {
      response.setKeepAlive(false);
      return dynamic_cast<net::HTTPServerRequestImpl&>(asked).socket().shutdown();
    }
    if (const int status = status_of(fault.kind)) {
      if (status == 429) response.set("Retry-After", "1");
      return send(response, {status, metadata_error("simulated fault")});
    }
    Reply reply = reply_to(asked, fault.kind);
    if (fault.kind == "garbage") reply.body = "<html>\x01\xff{\"Events\": [";
    if (fault.kind == "truncated") return send_half(response, reply);
    send(response, reply);
  }

  // 0: another kind of fault.
  static int status_of(const std::string& kind) {
    const bool is_status = kind == "404" || kind == "410" || kind == "429" || kind == "500";
    return is_status ? std::stoi(kind) : 0;
  }

  Reply reply_to(net::HTTPServerRequest& asked, const std::string& fault) {
    try {
      return right_reply(shared_, asked, fault);
    } catch (const MetadataError& error) {
      return from_error(error);
    }
  }

  static void send(net::HTTPServerResponse& response, const Reply& reply) {
    response.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(reply.status));
    response.setContentType(reply.type);
    response.sendBuffer(reply.body.data(), reply.body.size());
  }

  // The connection ends in the middle of the body.
  static void send_half(net::HTTPServerResponse& response, const Reply& reply) {
    response.setKeepAlive(false);
    response.setContentType(reply.type);
    response.setContentLength64(static_cast<Poco::Int64>(reply.body.size() + 1));
    response.send() << reply.body.substr(0, reply.body.size() / 2);
  }

  MetadataServices& shared_;
};

}  // namespace

MetadataServer::MetadataServer(Database& database, const BlobAccount& account,
                               const support::LogFile& log, const DataDirectory& data,
                               uint16_t port, const Limits& limits)
    : shared_{database, account, log, SimulationFile(data)},
      listener_({"127.0.0.1:" + std::to_string(port), {}, "--metadata-port"}, limits,
                {max_metadata_requests + 1, 1}, log,
                [this](Connection&) { return std::make_unique<MetadataHandler>(shared_); }) {
  // Creates the file, which tells commands that there is a simulated Azure.
  shared_.simulation.update([](Simulation&) {});
}

}  // namespace jetpack::hub
