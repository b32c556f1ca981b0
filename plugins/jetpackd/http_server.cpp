// Serves /status, /healthz and /metrics on loopback.
#include "jetpackd/http_server.hpp"

#include <chrono>
#include <memory>
#include <optional>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "support/text.hpp"

namespace jetpack::jetpackd {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t max_connections = 16;
constexpr size_t max_request = 8 << 10;
constexpr std::chrono::seconds connection_timeout{5};
constexpr std::chrono::seconds pause_after_failure{1};

// A DNS rebinding attack sends the attacker's host name.
bool is_for_loopback(beast::string_view host) {
  const std::string name =
      support::lower_case({host.data(), std::min(host.find(':'), host.size())});
  return name.empty() || name == "127.0.0.1" || name == "localhost";
}

}  // namespace

class HttpServer::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(HttpServer& server, tcp::socket socket)
      : handler_(server.handler_), open_(server.open_), stream_(std::move(socket)) {
    ++*open_;
    parser_.header_limit(max_request);
    parser_.skip(true);  // no request here has a body
  }
  ~Connection() { --*open_; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    stream_.expires_after(connection_timeout);
    http::async_read_header(
        stream_, buffer_, parser_,
        [self = shared_from_this()](const error_code& error, size_t) { self->handle(error); });
  }

 private:
  void handle(const error_code& error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      return respond({431, "text/plain", "request too large\n"});
    const auto& request = parser_.get();
    const bool is_request =
        !error && request.target().starts_with('/') && is_for_loopback(request[http::field::host]);
    if (!is_request) {
      // The peer closed the connection, timed out, or speaks another protocol.
      if (error && error.category() != http::make_error_code(http::error::bad_method).category())
        return;
      return respond({400, "text/plain", "invalid request\n"});
    }
    if (request.method() != http::verb::get && request.method() != http::verb::head)
      return respond({405, "text/plain", "only GET is supported\n"});
    const std::string_view target(request.target().data(), request.target().size());
    handler_(target.substr(0, target.find('?')),
             [self = shared_from_this()](const HttpAnswer& answer) { self->respond(answer); });
  }

  void respond(const HttpAnswer& answer) {
    auto& response = response_.emplace(static_cast<http::status>(answer.status), 11);
    response.set(http::field::content_type, answer.content_type);
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    if (answer.status == 405) response.set(http::field::allow, "GET, HEAD");
    response.keep_alive(false);
    response.content_length(answer.body.size());
    if (parser_.get().method() != http::verb::head) response.body() = answer.body;
    http::async_write(stream_, response, [self = shared_from_this()](const error_code&, size_t) {
      error_code ignored;
      self->stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    });
  }

  HttpServer::Handler handler_;
  std::shared_ptr<size_t> open_;
  beast::tcp_stream stream_;
  beast::flat_static_buffer<max_request> buffer_;
  http::request_parser<http::empty_body> parser_;
  std::optional<http::response<http::string_body>> response_;
};

HttpServer::HttpServer(asio::io_context& loop, uint16_t port, Handler handler)
    : acceptor_(loop, {asio::ip::address_v4::loopback(), port}),
      pause_(loop),
      handler_(std::move(handler)) {
  accept();
}

void HttpServer::close() {
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel(ignored);
}

void HttpServer::accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    // Connections over the limit are closed at once; the client may retry.
    if (!error && *open_ < max_connections)
      std::make_shared<Connection>(*this, std::move(socket))->start();
    if (!error) return accept();
    // Without the pause, a lasting error such as EMFILE would keep the processor busy.
    pause_.expires_after(pause_after_failure);
    pause_.async_wait([this](const error_code& cancelled) {
      if (!cancelled) accept();
    });
  });
}

}  // namespace jetpack::jetpackd
