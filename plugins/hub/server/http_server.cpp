// The hub's HTTPS server: reads a request, authenticates it and routes it.
#include "server/http_server.hpp"

#include <algorithm>
#include <array>
#include <istream>
#include <optional>
#include <ostream>
#include <semaphore>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPBasicCredentials.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/URI.h>

#include <jetpack/error.hpp>
#include "common/listener.hpp"
#include "common/refusal_log.hpp"
#include "server/cluster_api.hpp"
#include "server/event_stream.hpp"
#include "server/keepalive_api.hpp"
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

constexpr size_t max_body = 8 << 20;
constexpr size_t max_request_body = 1 << 20;  // of what is no batch of messages
constexpr int max_threads = 192;
// Each stream of the page holds a thread; there must be some left for the nodes.
constexpr std::ptrdiff_t max_streams = 48;
// Batches parsed and stored at once, small ones aside: a parsed body needs several times its size.
constexpr std::ptrdiff_t max_batches = 4;
constexpr size_t small_body = 64 << 10;
constexpr auto exchange_time = 60s;  // for a body, and again for a reply
constexpr auto batch_wait = 20s;     // then the node has to retry later

// What all requests share.
struct Shared {
  explicit Shared(Services given) : services(given) {}
  Services services;
  RefusalLog refusals{services.log};
  std::counting_semaphore<> streams{max_streams};
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

bool has_body(const net::HTTPServerRequest& request) {
  return request.getChunkedTransferEncoding() ||
         (request.hasContentLength() && request.getContentLength64() != 0);
}

// A proxy might go by the other one (RFC 9112, section 6.1).
void require_one_length(const net::HTTPServerRequest& request) {
  if (request.getChunkedTransferEncoding() && request.hasContentLength())
    throw HttpError(net::HTTPResponse::HTTP_BAD_REQUEST,
                    "the body has both a length and a transfer encoding");
}

// A client that is still sending would see a reset connection instead of the response.
void discard_body(net::HTTPServerRequest& request) {
  request.stream().ignore(static_cast<std::streamsize>(2 * max_body));
}

// Reads the body, or its first `most` bytes and one more.
std::string read_body(net::HTTPServerRequest& request, size_t most) {
  std::string body;
  std::array<char, 65536> buffer{};
  std::istream& in = request.stream();
  while (body.size() <= most) {
    const size_t want = std::min(buffer.size(), most + 1 - body.size());
    in.read(buffer.data(), static_cast<std::streamsize>(want));
    body.append(buffer.data(), static_cast<size_t>(in.gcount()));
    if (!in) break;
  }
  return body;
}

// Handles one request.
class RequestHandler : public net::HTTPRequestHandler {
 public:
  RequestHandler(Shared& shared, std::shared_ptr<Connections::Lease> lease)
      : shared_(shared), services_(shared.services), lease_(std::move(lease)) {}

  void handleRequest(net::HTTPServerRequest& request, net::HTTPServerResponse& response) override {
    lease_->busy(exchange_time);
    // An unread body would be parsed as the next request.
    if (has_body(request)) response.setKeepAlive(false);
    add_security_headers(response);
    try {
      require_one_length(request);
      route(request, response);
    } catch (const HttpError& refusal) {
      if (!refusal.allow().empty()) response.set("Allow", refusal.allow());
      refuse(request, response, static_cast<Status>(refusal.status()), error_json(refusal.what()));
    } catch (const BadMessages& bad) {
      refuse(request, response, net::HTTPResponse::HTTP_BAD_REQUEST,
             bad.index() ? error_json(bad.what(), *bad.index()) : error_json(bad.what()));
    } catch (const Error& error) {
      fail(request, response, error);
    }
    lease_->idle(request_time);
  }

 private:
  void route(net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    const Account account = authenticate(request, response);
    const Poco::URI uri = parse_uri(request);
    const std::string& path = uri.getPath();
    if (account.role == Role::node)
      services_.liveness.heard(account.cluster, account.node, poll_ms_of(path, query_of(uri)));
    if (path == "/clusterlink/messages") {
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
    if (auto answer = keepalive_response(services_.database, asked)) return *std::move(answer);
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

  static std::string whole_body(net::HTTPServerRequest& request, size_t most) {
    const bool has_length = request.hasContentLength();
    if (!has_length && !request.getChunkedTransferEncoding())
      throw HttpError(net::HTTPResponse::HTTP_LENGTH_REQUIRED, "the length of the body is missing");
    if (request.has("Content-Encoding"))
      throw HttpError(net::HTTPResponse::HTTP_UNSUPPORTED_MEDIA_TYPE,
                      "the body must not be compressed");
    const bool too_long =
        has_length && request.getContentLength64() > static_cast<Poco::Int64>(most);
    std::string body = too_long ? std::string() : read_body(request, most);
    if (too_long || body.size() > most)
      throw HttpError(net::HTTPResponse::HTTP_REQUEST_ENTITY_TOO_LARGE,
                      "the body exceeds " + std::to_string(most) + " bytes; send smaller batches");
    return body;
  }

  // Starts after the event named by the query's `after` or, when a browser reconnects by itself, by
  // the header Last-Event-ID.
  void stream_events(Query query, const net::HTTPServerRequest& request,
                     net::HTTPServerResponse& response) {
    const std::string last_seen = request.get("Last-Event-ID", "");
    if (!last_seen.empty()) query.range.after = parse_query({{"after", last_seen}}).range.after;
    EventStream stream(services_, std::move(query));
    const Slot slot(shared_.streams, 0s);
    if (!slot.held()) {
      response.set("Retry-After", "30");
      throw HttpError(net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE,
                      "too many pages are open; use /api/events instead");
    }
    response.setKeepAlive(false);
    response.setChunkedTransferEncoding(true);
    response.setContentType("text/event-stream");
    response.set("Cache-Control", "no-store");
    lease_->endless();
    std::ostream& out = response.send();
    if (request.getMethod() != net::HTTPRequest::HTTP_HEAD) stream.write_to(out);
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

  void reply(net::HTTPServerResponse& response, const std::string& json) {
    response.set("Cache-Control", "no-store");
    send(response, "application/json", json);
  }

  void send(net::HTTPServerResponse& response, const std::string& type,
            const std::string& content) {
    lease_->busy(exchange_time);
    response.setContentType(type);
    response.sendBuffer(content.data(), content.size());
  }

  void refuse(net::HTTPServerRequest& request, net::HTTPServerResponse& response, Status status,
              const std::string& json) {
    if (response.sent()) return;
    if (has_body(request)) discard_body(request);
    response.setStatusAndReason(status);
    reply(response, json);
  }

  void fail(net::HTTPServerRequest& request, net::HTTPServerResponse& response,
            const Error& error) {
    if (error.code() == Errc::usage)
      return refuse(request, response, net::HTTPResponse::HTTP_BAD_REQUEST,
                    error_json(error.what()));
    services_.log.error(error.what());
    const bool may_pass = error.code() == Errc::unavailable;
    if (may_pass) response.set("Retry-After", "5");
    refuse(request, response,
           may_pass ? net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE
                    : net::HTTPResponse::HTTP_INTERNAL_SERVER_ERROR,
           error_json("internal error; see the hub's log"));
  }

  Shared& shared_;
  Services services_;
  std::shared_ptr<Connections::Lease> lease_;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Services services, const std::string& listen, const std::filesystem::path& certificate)
      : shared_(services),
        listener_(listen, certificate, "--listen", max_threads,
                  [this](const std::shared_ptr<Connections::Lease>& lease) {
                    return std::make_unique<RequestHandler>(shared_, lease);
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
                       const std::filesystem::path& certificate)
    : impl_(std::make_unique<Impl>(services, listen, certificate)) {}

HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->port(); }

}  // namespace jetpack::hub
