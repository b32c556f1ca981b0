// The hub's HTTPS server: reads a request, authenticates it and routes it.
#include "server/http_server.hpp"

#include <algorithm>
#include <optional>
#include <ostream>
#include <semaphore>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPBasicCredentials.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/URI.h>

#include <jetpack/error.hpp>
#include "common/listener.hpp"
#include "common/quota.hpp"
#include "common/refusal_log.hpp"
#include "server/body.hpp"
#include "server/cluster_api.hpp"
#include "server/event_stream.hpp"
#include "server/page_api.hpp"
#include "server/request.hpp"
#include "server/userdata.hpp"
#include "store/message_table.hpp"
#include "store/messages.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;
using Status = net::HTTPResponse::HTTPStatus;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view messages_path = "/clusterlink/messages";
constexpr size_t max_body = 8 << 20;
constexpr size_t max_request_body = 1 << 20;  // of what is no batch of messages
// Batches parsed and stored at once, small ones aside: a parsed body needs several times its size.
constexpr std::ptrdiff_t max_batches = 4;
constexpr size_t small_body = 64 << 10;
constexpr auto batch_wait = 20s;  // then the node has to retry later
// Chunked bodies, which a thread reads as they arrive, at once, and of one client.
constexpr uint64_t max_chunked = 16;
constexpr uint64_t max_chunked_each = 2;
constexpr uint64_t mib = 1 << 20;

// What all requests share.
struct Shared {
  Shared(Services given, const Limits& limits)
      : services(given),
        connections("connections",
                    {limits.connections, limits.connections_per_account, limits.connections / 8}),
        requests("requests at once", {limits.requests, limits.requests_per_account, 0}),
        bodies("bytes in flight", {limits.bodies_mib * mib, limits.bodies_mib_per_account * mib,
                                   limits.bodies_mib * mib / 4}),
        streams("event streams",
                {limits.streams, limits.streams_per_node, limits.streams_for_administrators}) {}

  Services services;
  RefusalLog refusals{services.log};
  RefusalLog excesses{services.log};  // of limits
  Quota connections, requests, bodies, streams;
  Quota chunked{"chunked bodies", {max_chunked, max_chunked_each, max_chunked / 4}};
  std::counting_semaphore<> batches{max_batches};
};

// One of a limited number of slots, released at the end.
class Slot {
 public:
  using Clock = std::chrono::steady_clock;

  Slot(std::counting_semaphore<>& free, Clock::duration longest)
      : free_(free), held_(free.try_acquire_for(longest)) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() {
    if (held_) free_.release();
  }
  bool held() const { return held_; }

 private:
  std::counting_semaphore<>& free_;
  bool held_;
};

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
      account_ = authenticate(request, response);
      connection_.claim(shared_.connections, account_.name, is_administrator());
      wanted = reserve_body(request);
    });
    return wanted;
  }

  void handle(net::HTTPServerRequest& request, net::HTTPServerResponse& response) override {
    answer_errors(response, [&] {
      const auto share = shared_.requests.take(account_.name, is_administrator());
      route(request, response);
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
      shared_.excesses.warn(account_.name, std::string("refused a request: ") + excess.what());
      response.setKeepAlive(false);
      response.set("Retry-After", excess.is_own() ? "5" : "2");
      refuse(response,
             excess.is_own() ? net::HTTPResponse::HTTP_TOO_MANY_REQUESTS
                             : net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE,
             excess.what());
    } catch (const BadMessages& bad) {
      answer(response, net::HTTPResponse::HTTP_BAD_REQUEST,
             bad.index() ? error_json(bad.what(), *bad.index()) : error_json(bad.what()));
    } catch (const Error& error) {
      fail(response, error);
    }
  }

  bool is_administrator() const { return account_.role == Role::admin; }

  // The longest body that a request may have.
  static size_t longest_body(const net::HTTPServerRequest& request) {
    return request.getURI().starts_with(messages_path) ? max_body : max_request_body;
  }

  // Counts the bytes of the body, so that it can be read into memory; returns how many these are.
  uint64_t reserve_body(const net::HTTPServerRequest& request) {
    const size_t longest = longest_body(request);
    if (!has_body(request)) return 0;
    const bool is_chunked = request.getChunkedTransferEncoding();
    const auto length = is_chunked ? longest : static_cast<uint64_t>(request.getContentLength64());
    if (length > longest) return 0;
    if (is_chunked) chunked_ = shared_.chunked.take(account_.name, is_administrator());
    body_ = shared_.bodies.take(account_.name, is_administrator(), length);
    return is_chunked ? 0 : length;
  }

  void route(net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    const Account& account = account_;
    const Poco::URI uri = parse_uri(request);
    const std::string& path = uri.getPath();
    if (path == messages_path) {
      require_method(request.getMethod(), net::HTTPRequest::HTTP_POST);
      return take_messages(account, request, response);
    }
    if (path == "/api/events/stream") {
      require_method(request.getMethod(), net::HTTPRequest::HTTP_GET);
      return stream_events(visible_query(account, query_of(uri)), request, response);
    }
    // A node may have the name of an action on nodes, which is a POST.
    const bool is_post = request.getMethod() == net::HTTPRequest::HTTP_POST;
    if (!is_post && services_.page.find(path) != nullptr)
      return send_page(account, path, request, response);
    const bool keep_alive = request.getKeepAlive();
    const Request asked = read_request(account, uri, request);
    response.setKeepAlive(keep_alive);
    const Response answer = answer_request(asked);
    response.setStatusAndReason(static_cast<Status>(answer.status));
    reply(response, answer.json);
  }

  Response answer_request(const Request& asked) const {
    if (asked.path.starts_with("/api/")) return page_api_response(services_.database, asked);
    if (asked.path == "/clusterlink/locker" && services_.locker != nullptr)
      return services_.locker->answer(asked);
    if (auto answer = userdata_response(services_.database, asked)) return *std::move(answer);
    if (auto answer = cluster_api_response(services_.database, asked)) return *std::move(answer);
    if (services_.page.find(asked.path) != nullptr) require_method(asked.method, "GET");
    throw HttpError(net::HTTPResponse::HTTP_NOT_FOUND, "not found");
  }

  Request read_request(const Account& account, const Poco::URI& uri,
                       net::HTTPServerRequest& request) {
    Request asked;
    asked.account = account;
    asked.method = request.getMethod();
    asked.path = uri.getPath();
    asked.query = query_of(uri);
    asked.key = request.get("Idempotency-Key", "");
    asked.agent = request.get("User-Agent", "");
    if (has_body(request)) asked.body = whole_body(request, max_request_body);
    return asked;
  }

  void send_page(const Account& account, const std::string& path,
                 const net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    require_method(request.getMethod(), net::HTTPRequest::HTTP_GET);
    if (account.role != Role::admin)
      throw HttpError(
          net::HTTPResponse::HTTP_FORBIDDEN,
          "the cluster page is for administrators; create one with 'jetpack hub admin'");
    const PageFile* file = services_.page.find(path);
    response.set("Cache-Control", "no-cache");
    send(response, file->content_type, file->content);
  }

  Account authenticate(const net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    std::optional<Account> account;
    std::string name;
    if (request.hasCredentials()) {
      try {
        const net::HTTPBasicCredentials credentials(request);
        name = credentials.getUsername();
        account = services_.accounts.authenticate(name, credentials.getPassword());
      } catch (const Poco::Exception&) {
        // Not Basic, or not base64: treated as no credentials.
        account.reset();
      }
    }
    if (account) return *account;
    if (!name.empty())
      shared_.refusals.warn(request.clientAddress().host().toString(),
                            "rejected the credentials of '" + support::one_line(name) + "'");
    response.set("WWW-Authenticate", "Basic realm=\"jetpack hub\", charset=\"UTF-8\"");
    throw HttpError(net::HTTPResponse::HTTP_UNAUTHORIZED, name.empty()
                                                              ? "credentials required (HTTP Basic)"
                                                              : "wrong user name or password");
  }

  static Poco::URI parse_uri(const net::HTTPServerRequest& request) {
    try {
      return Poco::URI(request.getURI());
    } catch (const Poco::Exception&) {
      throw HttpError(net::HTTPResponse::HTTP_BAD_REQUEST, "malformed URL");
    }
  }

  static Parameters query_of(const Poco::URI& uri) {
    try {
      return uri.getQueryParameters();
    } catch (const Poco::Exception&) {
      throw HttpError(net::HTTPResponse::HTTP_BAD_REQUEST, "malformed query");
    }
  }

  void take_messages(const Account& account, net::HTTPServerRequest& request,
                     net::HTTPServerResponse& response) {
    if (account.role != Role::node)
      throw HttpError(
          net::HTTPResponse::HTTP_FORBIDDEN,
          "only nodes can send messages; create a node's account with 'jetpack hub enroll'");
    const bool keep_alive = request.getKeepAlive();
    const std::string body = whole_body(request, max_body);
    std::optional<Slot> slot;
    if (body.size() > small_body) slot.emplace(shared_.batches, batch_wait);
    if (slot && !slot->held())
      throw Error(Errc::unavailable, "too many batches are waiting to be stored");
    auto messages = parse_messages(body);
    response.setKeepAlive(keep_alive);
    for (size_t i = 0; i < messages.size(); ++i)
      if (messages[i].cluster != account.cluster)
        throw BadMessages("message " + std::to_string(i) +
                              " is for a cluster other than the account's, '" + account.cluster +
                              "'",
                          i);
    Delivery delivery{account, request.clientAddress().host().toString(), std::move(messages), {}};
    services_.intake.store(delivery);
    response.setStatusAndReason(net::HTTPResponse::HTTP_ACCEPTED);
    reply(response, "{\"accepted\":" + std::to_string(delivery.messages.size()) +
                        ",\"new\":" + std::to_string(delivery.fresh.size()) + "}");
  }

  // Starts after the event named by the query's `after` or, when a browser reconnects by itself, by
  // the header Last-Event-ID.
  void stream_events(Query query, const net::HTTPServerRequest& request,
                     net::HTTPServerResponse& response) {
    const std::string last_seen = request.get("Last-Event-ID", "");
    if (!last_seen.empty()) query.range.after = parse_query({{"after", last_seen}}).range.after;
    EventStream stream(services_, std::move(query));
    const auto share = shared_.streams.take(account_.name, is_administrator());
    response.setKeepAlive(false);
    response.setChunkedTransferEncoding(true);
    response.setContentType("text/event-stream");
    response.set("Cache-Control", "no-store");
    std::ostream& out = response.send();
    if (request.getMethod() != net::HTTPRequest::HTTP_HEAD)
      stream.write_to(out, [this] { return connection_.channel().is_gone(); });
  }

  static void add_security_headers(net::HTTPServerResponse& response) {
    response.set("X-Content-Type-Options", "nosniff");
    response.set("X-Frame-Options", "DENY");
    response.set("Referrer-Policy", "no-referrer");
    response.set("Cross-Origin-Resource-Policy", "same-origin");
    response.set("Cross-Origin-Opener-Policy", "same-origin");
    response.set("Content-Security-Policy",
                 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                 "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                 "frame-ancestors 'none'");
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
    services_.log.error(error.what());
    const bool may_pass = error.code() == Errc::unavailable;
    if (may_pass) response.set("Retry-After", "5");
    answer(response,
           may_pass ? net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE
                    : net::HTTPResponse::HTTP_INTERNAL_SERVER_ERROR,
           error_json("internal error; see the hub's log"));
  }

  Shared& shared_;
  Services services_;
  Connection& connection_;
  Account account_;
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

HttpServer::HttpServer(Services services, const std::string& listen,
                       const std::filesystem::path& certificate, const Limits& limits)
    : impl_(std::make_unique<Impl>(services, Listener::Address{listen, certificate, "--listen"},
                                   limits)) {}

HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->port(); }

}  // namespace jetpack::hub
