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
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/URI.h>

#include <jetpack/error.hpp>
#include "common/listener.hpp"
#include "common/refusal_log.hpp"
#include "server/browser.hpp"
#include "server/event_stream.hpp"
#include "server/page_api.hpp"
#include "server/routes.hpp"
#include "server/sessions.hpp"
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
  Sessions sessions{services.database, services.accounts};
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
    } catch (const std::exception& error) {
      fail(request, response,
           Error(Errc::internal, "failed to answer " + request.getMethod() + ": " +
                                     support::one_line(error.what())));
    }
    lease_->idle(request_time);
  }

 private:
  void route(net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    const Poco::URI uri = parse_uri(request);
    const RouteFound found = find_route(request.getMethod(), uri.getPath());
    require_same_site(origin_of(request), found.route == nullptr || found.route->changes());
    if (found.route != nullptr && found.route->access.nobody != Reach::none)
      return answer_anybody(*found.route, uri, request, response);
    const Sender sender = shared_.sessions.identify(request);
    if (!sender.account) return ask_for_credentials(sender, found, uri, request, response);
    if (found.route == nullptr && !found.allowed.empty())
      throw HttpError(net::HTTPResponse::HTTP_METHOD_NOT_ALLOWED, "use " + found.allowed,
                      found.allowed);
    if (found.route == nullptr) throw HttpError(net::HTTPResponse::HTTP_NOT_FOUND, "not found");
    Request asked = read_head(*sender.account, found, uri, request);
    if (asked.account.role != Role::node && (has_body(request) || request.has("Content-Type")))
      require_json_content(request.getContentType());
    switch (found.route->responder) {
      case Responder::messages:
        return take_messages(asked.account, request, response);
      case Responder::stream:
        return stream_events(sender, visible_query(asked.account, asked.query), request, response);
      case Responder::page:
        return send_page(asked.path, response);
      default:
        return answer(*found.route, std::move(asked), request, response);
    }
  }

  void answer(const Route& route, Request asked, net::HTTPServerRequest& request,
              net::HTTPServerResponse& response) {
    const bool keep_alive = request.getKeepAlive();
    if (has_body(request)) asked.body = whole_body(request, max_request_body);
    response.setKeepAlive(keep_alive);
    const Response answer = route.handler({services_.database, services_.locker}, asked);
    response.setStatusAndReason(static_cast<Status>(answer.status));
    reply(response, answer.json);
  }

  // The sign-in page, what it needs, and what it sends.
  void answer_anybody(const Route& route, const Poco::URI& uri, net::HTTPServerRequest& request,
                      net::HTTPServerResponse& response) {
    require_known_parameters(route, query_of(uri));
    if (route.responder == Responder::page) return send_page(uri.getPath(), response);
    require_json_content(request.getContentType());
    const std::string body = whole_body(request, max_request_body);
    try {
      response.set("Set-Cookie", route.responder == Responder::sign_in
                                     ? shared_.sessions.sign_in(body)
                                     : shared_.sessions.sign_out(request));
    } catch (const HttpError& refusal) {
      if (refusal.status() == net::HTTPResponse::HTTP_UNAUTHORIZED)
        shared_.refusals.warn(request.clientAddress().host().toString(),
                              "rejected a sign-in on the cluster page");
      throw;
    }
    reply(response, "{}");
  }

  static Request read_head(const Account& account, const RouteFound& found, const Poco::URI& uri,
                           const net::HTTPServerRequest& request) {
    Request asked;
    asked.account = account;
    asked.reach = require_access(*found.route, found.names, account);
    asked.method = request.getMethod();
    asked.path = uri.getPath();
    asked.names = found.names;
    asked.query = query_of(uri);
    require_known_parameters(*found.route, asked.query);
    asked.key = request.get("Idempotency-Key", "");
    asked.agent = request.get("User-Agent", "");
    return asked;
  }

  void send_page(const std::string& path, net::HTTPServerResponse& response) {
    const PageFile* file = services_.page.find(path);
    if (file == nullptr) throw HttpError(net::HTTPResponse::HTTP_NOT_FOUND, "not found");
    response.set("Cache-Control", "no-cache");
    send(response, file->content_type, file->content);
  }

  void ask_for_credentials(const Sender& sender, const RouteFound& found, const Poco::URI& uri,
                           net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    if (!sender.name.empty())
      shared_.refusals.warn(request.clientAddress().host().toString(),
                            "rejected the credentials of '" + support::one_line(sender.name) + "'");
    const bool is_page = found.route != nullptr && found.route->responder == Responder::page;
    if (is_page && lead_to_sign_in(request, uri, response)) return reply(response, "{}");
    add_challenge(request, response);
    throw HttpError(net::HTTPResponse::HTTP_UNAUTHORIZED,
                    sender.name.empty() ? "credentials required: sign in, or use HTTP Basic"
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
    const bool keep_alive = request.getKeepAlive();
    const std::string body = whole_body(request, max_body);
    std::optional<Slot> slot;
    if (body.size() > small_body) slot.emplace(shared_.batches, batch_wait);
    if (slot && !slot->held())
      throw Error(Errc::unavailable, "too many batches are waiting to be stored");
    auto messages = parse_messages(body);
    response.setKeepAlive(keep_alive);
    for (size_t i = 0; i < messages.size(); ++i) {
      const std::string which = "message " + std::to_string(i);
      if (messages[i].cluster != account.cluster)
        throw BadMessages(
            which + " is for a cluster other than the account's, '" + account.cluster + "'", i);
      if (messages[i].autoscale && !account.is_scheduler)
        throw BadMessages(which +
                              " asks for capacity, which only schedulers can do; mark one with "
                              "'jetpack hub node configure NODE --scheduler'",
                          i);
    }
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
  void stream_events(const Sender& sender, Query query, const net::HTTPServerRequest& request,
                     net::HTTPServerResponse& response) {
    const std::string last_seen = request.get("Last-Event-ID", "");
    if (!last_seen.empty()) query.range.after = parse_query({{"after", last_seen}}).range.after;
    EventStream stream(services_, std::move(query),
                       [&] { return shared_.sessions.is_still(sender); });
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
