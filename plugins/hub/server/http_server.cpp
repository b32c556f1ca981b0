// The hub's HTTPS server: reads a request, authenticates it and routes it.
#include "server/http_server.hpp"

#include <algorithm>
#include <optional>
#include <ostream>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/URI.h>

#include <jetpack/error.hpp>
#include "common/disk_full.hpp"
#include "common/listener.hpp"
#include "common/quota.hpp"
#include "common/slot.hpp"
#include "server/body.hpp"
#include "server/browser.hpp"
#include "server/event_stream.hpp"
#include "server/page_api.hpp"
#include "server/request.hpp"
#include "server/routes.hpp"
#include "server/sessions.hpp"
#include "server/shared.hpp"
#include "store/message_table.hpp"
#include "store/messages.hpp"
#include "store/sent_messages.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;
using Status = net::HTTPResponse::HTTPStatus;
using namespace std::chrono_literals;

namespace {

constexpr size_t max_body = 8 << 20;
constexpr size_t max_request_body = 1 << 20;  // of what is no batch of messages
constexpr size_t small_body = 64 << 10;
constexpr auto batch_wait = 20s;  // then the node has to retry later

// Handles one request.
class RequestHandler : public Handler {
 public:
  RequestHandler(Shared& shared, Connection& connection)
      : shared_(shared), services_(shared.services), connection_(connection) {}

  uint64_t admit(net::HTTPServerRequest& request, net::HTTPServerResponse& response) override {
    // An unread body would be parsed as the next request.
    if (has_body(request)) response.setKeepAlive(false);
    add_security_headers(response);
    uint64_t wanted = 0;
    answer_errors(response, [&] {
      require_one_length(request);
      uri_ = parse_uri(request);
      found_ = find_route(request.getMethod(), uri_.getPath());
      require_same_site(origin_of(request), found_.route == nullptr || found_.route->changes());
      owner_ = connection_.address();
      if (!is_open() && !identify(request, response)) return;
      wanted = reserve_body(request);
    });
    return wanted;
  }

  void handle(net::HTTPServerRequest& request, net::HTTPServerResponse& response) override {
    answer_errors(response, [&] {
      const auto share = shared_.requests.take(owner_, is_person());
      respond(request, response);
    });
  }

  void refuse(net::HTTPServerResponse& response, int status, const std::string& reason) override {
    answer(response, static_cast<Status>(status), error_json(reason));
  }

 private:
  template <class Action>
  void answer_errors(net::HTTPServerResponse& response, Action action) {
    try {
      action();
    } catch (const HttpError& refusal) {
      if (!refusal.allow().empty()) response.set("Allow", refusal.allow());
      refuse(response, refusal.status(), refusal.what());
    } catch (const OverLimit& excess) {
      shared_.excesses.warn(owner_, std::string("refused a request: ") + excess.what());
      response.setKeepAlive(false);
      response.set("Retry-After", std::to_string(excess.retry_seconds()));
      refuse(response,
             excess.is_own() ? net::HTTPResponse::HTTP_TOO_MANY_REQUESTS
                             : net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE,
             excess.what());
    } catch (const DiskFull& full) {
      shared_.excesses.warn("the disk", full.what());
      response.set("Retry-After", "30");
      answer(response, net::HTTPResponse::HTTP_INSUFFICIENT_STORAGE, error_json(full.reason()));
    } catch (const BadMessages& bad) {
      answer(response, net::HTTPResponse::HTTP_BAD_REQUEST,
             bad.index() ? error_json(bad.what(), *bad.index()) : error_json(bad.what()));
    } catch (const Error& error) {
      fail(response, error);
    }
  }

  // For whom a part of everything is kept.
  bool is_person() const {
    return sender_.account &&
           (asked_.account.role == Role::admin || asked_.account.role == Role::viewer);
  }

  // Whether everybody may ask for it.
  bool is_open() const {
    return found_.route != nullptr && found_.route->access.nobody != Reach::none;
  }

  // Finds out who asks, and whether they may, before any of the body is read. False when that has been
  // answered.
  bool identify(net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    sender_ = shared_.sessions.identify(request);
    if (!sender_.account) {
      ask_for_credentials(request, response);
      return false;
    }
    owner_ = sender_.account->name;
    asked_.account = *sender_.account;
    connection_.claim(shared_.connections, owner_, is_person());
    if (asked_.account.role == Role::node)
      services_.liveness.heard(asked_.account.cluster, asked_.account.node,
                               poll_of(uri_.getPath(), query_of(uri_)));
    if (found_.route == nullptr && !found_.allowed.empty())
      throw HttpError(net::HTTPResponse::HTTP_METHOD_NOT_ALLOWED, "use " + found_.allowed,
                      found_.allowed);
    if (found_.route == nullptr) throw HttpError(net::HTTPResponse::HTTP_NOT_FOUND, "not found");
    read_head(request);
    if (is_person() && (has_body(request) || request.has("Content-Type")))
      require_json_content(request.getContentType());
    return true;
  }

  // The longest body that a request may have.
  size_t longest_body() const {
    if (is_open()) return small_body;
    return found_.route->responder == Responder::messages ? max_body : max_request_body;
  }

  // Counts the bytes of the body, so that it can be read into memory; returns how many these are.
  uint64_t reserve_body(const net::HTTPServerRequest& request) {
    const size_t longest = longest_body();
    if (!has_body(request)) return 0;
    const bool is_chunked = request.getChunkedTransferEncoding();
    const auto length = is_chunked ? longest : static_cast<uint64_t>(request.getContentLength64());
    if (length > longest) return 0;
    if (is_chunked) chunked_ = shared_.chunked.take(owner_, is_person());
    body_ = shared_.bodies.take(owner_, is_person(), length);
    return is_chunked ? 0 : length;
  }

  void respond(net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    if (is_open()) return answer_anybody(*found_.route, request, response);
    switch (found_.route->responder) {
      case Responder::messages:
        return take_messages(asked_.account, request, response);
      case Responder::stream:
        return stream_events(visible_query(asked_.account, asked_.query), request, response);
      case Responder::page:
        return send_page(asked_.path, response);
      default:
        if (has_body(request)) asked_.body = whole_body(request, max_request_body);
        response.setKeepAlive(request.getKeepAlive());
        return answer_asked(response);
    }
  }

  void answer_asked(net::HTTPServerResponse& response) {
    const Response answer =
        found_.route->handler({services_.database, services_.locker, &services_.certificate,
                               &shared_.newest, &services_.counters},
                              asked_);
    response.setStatusAndReason(static_cast<Status>(answer.status));
    response.set("Cache-Control", "no-store");
    if (!answer.location.empty()) response.set("Location", answer.location);
    send(response, answer.type, answer.json);
  }

  // What needs no account: the sign-in page, machines that join, monitoring.
  void answer_anybody(const Route& route, net::HTTPServerRequest& request,
                      net::HTTPServerResponse& response) {
    asked_.query = query_of(uri_);
    require_known_parameters(route, asked_.query);
    if (route.responder == Responder::page) return send_page(uri_.getPath(), response);
    if (route.method != "GET") {
      require_json_content(request.getContentType());
      asked_.body = whole_body(request, small_body);
    }
    try {
      if (route.responder == Responder::answer) return answer_asked(response);
      response.set("Set-Cookie", route.responder == Responder::sign_in
                                     ? shared_.sessions.sign_in(asked_.body)
                                     : shared_.sessions.sign_out(request));
    } catch (const HttpError& refusal) {
      if (refusal.status() == net::HTTPResponse::HTTP_UNAUTHORIZED ||
          refusal.status() == net::HTTPResponse::HTTP_FORBIDDEN)
        shared_.refusals.warn(connection_.address(),
                              "rejected " + std::string(route.path) + ": " + refusal.what());
      throw;
    }
    reply(response, "{}");
  }

  void read_head(const net::HTTPServerRequest& request) {
    asked_.reach = require_access(*found_.route, found_.names, asked_.account);
    asked_.method = request.getMethod();
    asked_.path = uri_.getPath();
    asked_.names = found_.names;
    asked_.query = query_of(uri_);
    require_known_parameters(*found_.route, asked_.query);
    asked_.key = request.get("Idempotency-Key", "");
    asked_.agent = request.get("User-Agent", "");
  }

  void send_page(const std::string& path, net::HTTPServerResponse& response) {
    const PageFile* file = services_.page.find(path);
    if (file == nullptr) throw HttpError(net::HTTPResponse::HTTP_NOT_FOUND, "not found");
    response.set("Cache-Control", "no-cache");
    send(response, file->content_type, file->content);
  }

  void ask_for_credentials(net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    if (!sender_.name.empty())
      shared_.refusals.warn(connection_.address(), "rejected the credentials of '" +
                                                       support::one_line(sender_.name) + "'");
    const bool is_page = found_.route != nullptr && found_.route->responder == Responder::page;
    if (is_page && lead_to_sign_in(request, uri_, response)) return reply(response, "{}");
    add_challenge(request, response);
    throw HttpError(net::HTTPResponse::HTTP_UNAUTHORIZED,
                    sender_.name.empty() ? "credentials required: sign in, or use HTTP Basic"
                                         : "wrong user name, password or token");
  }

  void take_messages(const Account& account, net::HTTPServerRequest& request,
                     net::HTTPServerResponse& response) {
    const bool keep_alive = request.getKeepAlive();
    const std::string body = whole_body(request, max_body);
    auto counted = count_bytes(account, body.size());
    std::optional<Slot> slot;
    if (body.size() > small_body) slot.emplace(shared_.batches, batch_wait);
    if (slot && !slot->held())
      throw Error(Errc::unavailable, "too many batches are waiting to be stored");
    auto messages = read_messages(account, body, counted);
    response.setKeepAlive(keep_alive);
    Delivery delivery{account, request.clientAddress().host().toString(), std::move(messages), {}};
    services_.intake.store(delivery);
    counted.keep();
    response.setStatusAndReason(net::HTTPResponse::HTTP_ACCEPTED);
    reply(response, "{\"accepted\":" + std::to_string(delivery.messages.size()) +
                        ",\"new\":" + std::to_string(delivery.fresh.size()) + "}");
  }

  // What the account sends in an hour is limited. Throws OverRate.
  ByteRate::Taken count_bytes(const Account& account, size_t bytes) {
    try {
      return services_.message_rate.take(account.name, bytes);
    } catch (const OverRate&) {
      ++services_.counters.https_over_quota;
      throw;
    }
  }

  // A body that is wrong counts as well.
  static std::vector<Message> read_messages(const Account& account, const std::string& body,
                                            ByteRate::Taken& counted) {
    try {
      auto messages = parse_messages(body);
      require_permitted(account, messages);
      return messages;
    } catch (const BadMessages&) {
      counted.keep();
      throw;
    }
  }

  // Starts after the event named by the query's `after` or, when a browser reconnects by itself, by
  // the header Last-Event-ID.
  void stream_events(Query query, const net::HTTPServerRequest& request,
                     net::HTTPServerResponse& response) {
    const std::string last_seen = request.get("Last-Event-ID", "");
    if (!last_seen.empty()) query.range.after = parse_query({{"after", last_seen}}).range.after;
    EventStream stream(services_, std::move(query),
                       [this] { return shared_.sessions.is_still(sender_); });
    const auto share = shared_.streams.take(owner_, is_person());
    response.setKeepAlive(false);
    response.setChunkedTransferEncoding(true);
    response.setContentType("text/event-stream");
    response.set("Cache-Control", "no-store");
    std::ostream& out = response.send();
    if (request.getMethod() != net::HTTPRequest::HTTP_HEAD)
      stream.write_to(out, [this] { return connection_.channel().is_gone(); });
  }

  static void reply(net::HTTPServerResponse& response, const std::string& json) {
    response.set("Cache-Control", "no-store");
    send(response, "application/json", json);
  }

  static void send(net::HTTPServerResponse& response, const std::string& type,
                   const std::string& content) {
    response.setContentType(type);
    response.sendBuffer(content.data(), content.size());
  }

  static void answer(net::HTTPServerResponse& response, Status status, const std::string& json) {
    if (response.sent()) return;
    response.setStatusAndReason(status);
    reply(response, json);
  }

  void fail(net::HTTPServerResponse& response, const Error& error) {
    if (error.code() == Errc::usage)
      return answer(response, net::HTTPResponse::HTTP_BAD_REQUEST, error_json(error.what()));
    const bool may_pass = error.code() == Errc::unavailable;
    // While the database is down, this is so for every request of every node.
    if (may_pass) {
      shared_.excesses.warn(owner_, error.what());
    } else {
      services_.log.error(error.what());
    }
    if (may_pass) response.set("Retry-After", "5");
    answer(response,
           may_pass ? net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE
                    : net::HTTPResponse::HTTP_INTERNAL_SERVER_ERROR,
           error_json(may_pass ? "the hub or its database is not available; see the hub's log"
                               : "internal error; see the hub's log"));
  }

  Shared& shared_;
  Services services_;
  Connection& connection_;
  Poco::URI uri_;
  RouteFound found_;
  Sender sender_;
  Request asked_;
  std::string owner_;  // of what it uses: the account, or the address of who has none
  std::optional<Quota::Share> body_, chunked_;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Services services, const Listener::Address& address, const Limits& limits)
      : shared_(services, limits),
        listener_(address, limits, {limits.requests, limits.requests_for_administrators},
                  services.log, [this](Connection& connection) {
                    return std::make_unique<RequestHandler>(shared_, connection);
                  }) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    listener_.stop();
    // Ends the event streams, which never end by themselves.
    shared_.services.feed.close();
  }

  uint16_t port() const { return listener_.port(); }

 private:
  Shared shared_;
  Listener listener_;
};

HttpServer::HttpServer(Services services, const std::string& listen, ServedCertificate& certificate,
                       const Limits& limits)
    : impl_(std::make_unique<Impl>(services, Listener::Address{listen, &certificate, "--listen"},
                                   limits)) {}

HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->port(); }

}  // namespace jetpack::hub
