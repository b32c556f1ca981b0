// Serves /status, /healthz and /metrics on loopback.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace jetpack::jetpackd {

struct HttpAnswer {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// HTTP/1.1, one request per connection. Limits: 16 connections, 8 KiB per request, 5 s each.
class HttpServer {
 public:
  using Respond = std::function<void(const HttpAnswer&)>;
  // Handles GET `path` by calling `respond` on the loop, at once or later.
  using Handler = std::function<void(std::string_view path, Respond respond)>;

  // Throws boost::system::system_error when the port is in use. Port 0 selects a free one.
  HttpServer(boost::asio::io_context& loop, uint16_t port, Handler handler);
  ~HttpServer() { close(); }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void close();

 private:
  class Connection;
  void accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  Handler handler_;
  // Shared with the connections, which may outlive the server within the loop.
  std::shared_ptr<size_t> open_ = std::make_shared<size_t>(0);
};

}  // namespace jetpack::jetpackd
