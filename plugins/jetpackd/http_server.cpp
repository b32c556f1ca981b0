// What jetpackd answers on loopback: /status, /healthz and /metrics.
#include "jetpackd/http_server.hpp"

#include <array>
#include <chrono>
#include <memory>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace jetpack::jetpackd {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t most_connections = 16;
constexpr size_t max_request = 8 << 10;
constexpr std::chrono::seconds longest_connection{5};
constexpr std::chrono::seconds pause_after_failure{1};

const char* reason_phrase(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return "Service Unavailable";
  }
}

std::string to_wire(const HttpAnswer& answer, bool has_body) {
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + ' ' +
                     reason_phrase(answer.status) + "\r\nContent-Type: " + answer.content_type +
                     "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                     "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                     "Connection: close\r\n";
  if (answer.status == 405) text += "Allow: GET, HEAD\r\n";
  return text + "\r\n" + (has_body ? answer.body : "");
}

// The name in the Host header, without port; a page of elsewhere that had its name resolve to this
// machine would say that name.
bool is_for_loopback(std::string_view head) {
  std::string lower(head);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const size_t at = lower.find("\r\nhost:");
  if (at == std::string::npos) return true;
  size_t start = at + std::string_view("\r\nhost:").size();
  while (start < lower.size() && lower[start] == ' ') ++start;
  const std::string_view name = std::string_view(lower).substr(start);
  const std::string_view host = name.substr(0, name.find_first_of(":\r "));
  return host == "127.0.0.1" || host == "localhost";
}

}  // namespace

class HttpServer::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(HttpServer& server, tcp::socket socket)
      : handler_(server.handler_),
        open_(server.open_),
        socket_(std::move(socket)),
        timer_(server.loop_) {
    ++*open_;
  }
  ~Connection() { --*open_; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    timer_.expires_after(longest_connection);
    timer_.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      if (error || !self) return;
      error_code ignored;
      self->socket_.close(ignored);
    });
    asio::async_read_until(socket_, asio::dynamic_buffer(request_, max_request), "\r\n\r\n",
                           [self = shared_from_this()](const error_code& error, size_t size) {
                             if (!error) return self->handle(size);
                             // not_found: the buffer is full and there is no end.
                             if (error == asio::error::not_found)
                               self->respond({431, "text/plain", "the request is too long\n"});
                           });
  }

 private:
  void handle(size_t size) {
    const std::string_view head = std::string_view(request_).substr(0, size);
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const size_t first = line.find(' ');
    const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos || !line.substr(second + 1).starts_with("HTTP/1.") ||
        line[first + 1] != '/' || !is_for_loopback(head))
      return respond({400, "text/plain", "not a request for this service\n"});
    const std::string_view method = line.substr(0, first);
    has_body_ = method != "HEAD";
    if (method != "GET" && method != "HEAD")
      return respond({405, "text/plain", "only GET is served\n"});
    std::string_view path = line.substr(first + 1, second - first - 1);
    path = path.substr(0, path.find('?'));
    handler_(path,
             [self = shared_from_this()](const HttpAnswer& answer) { self->respond(answer); });
  }

  void respond(const HttpAnswer& answer) {
    response_ = to_wire(answer, has_body_);
    asio::async_write(socket_, asio::buffer(response_),
                      [self = shared_from_this()](const error_code&, size_t) {
                        error_code ignored;
                        self->socket_.shutdown(tcp::socket::shutdown_both, ignored);
                        self->timer_.cancel();
                      });
  }

  HttpServer::Handler handler_;
  std::shared_ptr<size_t> open_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  std::string request_;
  std::string response_;
  bool has_body_ = true;
};

HttpServer::HttpServer(asio::io_context& loop, uint16_t port, Handler handler)
    : loop_(loop),
      acceptor_(loop, {asio::ip::address_v4::loopback(), port}),
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
    // One too many is closed at once; its caller may try again.
    if (!error && *open_ < most_connections)
      std::make_shared<Connection>(*this, std::move(socket))->start();
    if (!error) return accept();
    // Such as no descriptors left: what does not pass at once must not keep the processor busy.
    pause_.expires_after(pause_after_failure);
    pause_.async_wait([this](const error_code& cancelled) {
      if (!cancelled) accept();
    });
  });
}

}  // namespace jetpack::jetpackd
