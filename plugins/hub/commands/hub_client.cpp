// How commands query the hub: over HTTPS as the node they run on, or directly on the hub's
// database as its administrator.
#include "commands/hub_client.hpp"

#include <memory>

#include <Poco/URI.h>

#include <jetpack/session.hpp>
#include "commands/options.hpp"
#include "common/json.hpp"
#include "server/cluster_api.hpp"
#include "server/keepalive_api.hpp"
#include "server/page_api.hpp"
#include "store/database.hpp"
#include "support/json.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

std::string address_of(const Request& request) {
  Poco::URI uri;
  uri.setPath(request.path);
  if (!request.query.empty()) uri.setQueryParameters(request.query);
  return uri.toString();
}

// The response that a hub would give its administrator.
Response answer_as_administrator(Database& database, Request request) {
  request.account.role = Role::admin;
  request.account.name = "administrator";
  try {
    if (request.path.starts_with("/api/")) return page_api_response(database, request);
    if (auto answer = keepalive_response(database, request)) return *std::move(answer);
    if (auto answer = cluster_api_response(database, request)) return *std::move(answer);
    return {404, error_json("not found")};
  } catch (const HttpError& refusal) {
    return {refusal.status(), error_json(refusal.what())};
  }
}

}  // namespace

HubClient HubClient::either(const Call& call) {
  if (call.given("data") || call.given("database")) return administrator(call);
  const auto session = call.service<jetpack::Session>();
  const std::string url = session.identity("url").value_or("an unknown address");
  return {[session](const Request& request) {
            const auto reply = session.request({.method = request.method,
                                                .path = address_of(request),
                                                .body = request.body,
                                                .body_is_json = true});
            return Reply{static_cast<int>(reply.status), reply.body};
          },
          "the hub at " + url, session.identity("cluster").value_or("")};
}

HubClient HubClient::administrator(const Call& call) {
  auto database = std::make_shared<Database>(known_database(call));
  const std::string where = "the hub database " + database->shown();
  return {[database](const Request& request) {
            Response answer = answer_as_administrator(*database, request);
            return Reply{answer.status, std::move(answer.json)};
          },
          where, ""};
}

rapidjson::Document HubClient::get(const std::string& path, const Parameters& query) const {
  Request request;
  request.method = "GET";
  request.path = path;
  for (const auto& [name, value] : query)
    if (!value.empty()) request.query.emplace_back(name, value);
  return ask(request);
}

rapidjson::Document HubClient::post(const std::string& path, const std::string& body) const {
  Request request;
  request.method = "POST";
  request.path = path;
  request.body = body;
  return ask(request);
}

rapidjson::Document HubClient::ask(const Request& request) const {
  const Reply reply = send_(request);
  auto answer = parse_object(reply.body);
  if (reply.status >= 300) {
    const auto reason = answer ? support::find_string(*answer, "error") : std::nullopt;
    const Errc code = reply.status == 401 || reply.status == 403 ? Errc::denied : Errc::failed;
    throw Error(code, "cannot " + std::string(request.method == "GET" ? "read " : "do ") +
                          request.path + " at " + where_ + ": " +
                          (reason ? support::one_line(*reason)
                                  : "HTTP status " + std::to_string(reply.status)));
  }
  if (!answer)
    throw Error(Errc::corrupt, "failed to read " + request.path + " from " + where_ +
                                   ": the response is not JSON; is it a jetpack hub?");
  return *std::move(answer);
}

}  // namespace jetpack::hub
