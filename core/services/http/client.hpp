// HTTP with libcurl: one exchange at a time over a connection that is kept, bounded in every way.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "services/http/retry.hpp"

namespace jetpack::http {

// What holds for all exchanges with one server.
struct Settings {
  std::string ca_file;            // PEM, trusted beside the system's; empty: only those
  std::string ca_advice;          // how to make a CA trusted, for errors
  std::string proxy;              // see node/proxy.hpp; empty: none
  bool verify = true;             // the certificate must be trusted and belong to the host
  bool http2 = false;             // where the server offers it by ALPN
  std::chrono::seconds stall{0};  // the longest time with next to no data; 0: no limit
  std::chrono::milliseconds longest{
      0};  // of the whole exchange, name look-up included; 0: no limit

  bool operator==(const Settings&) const = default;
};

// Sorted by name; names in lower case.
using Headers = std::map<std::string, std::string>;

struct Request {
  std::string method = "GET";
  std::string url;  // whole, percent-encoded; may hold a secret, which no error repeats
  Headers headers;
  std::string_view body = {};
};

struct Response {
  unsigned status = 0;
  Headers headers;   // the last of several
  std::string body;  // what no sink took

  // "" when there is none.
  std::string header(const std::string& name) const;
};

// Takes the body of a 2xx response in pieces, while it comes. What it throws ends the exchange and
// is thrown by perform.
using BodySink = std::function<void(const Response& response, std::string_view piece)>;

// One connection. Not for two threads at once.
class Client {
 public:
  Client();
  // Ends what runs when `halt` is set; it must outlive the client.
  explicit Client(const Halt& halt);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Returns any complete response but 1xx, whatever its status. Redirections are not followed. A
  // kept connection that turns out to be closed is replaced and the request sent again. Throws
  // Retryable when there was no response and another try may help, Errc::denied for a certificate
  // or a proxy that refuses, else Error; all name the server and nothing of the URL behind it. A
  // body that is longer than `max_body` is Errc::corrupt; a sink has no limit. Of a response that
  // is not 2xx, up to 64 KiB of the body are kept.
  Response perform(const Settings& settings, const Request& request, uint64_t max_body,
                   const BodySink& sink = nullptr);

  // Why the last exchange had no response: an id of support/diagnosis.hpp. Empty when it had one.
  std::string_view problem() const { return problem_; }

 private:
  class Exchange;
  struct Handle;

  explicit Client(const Halt* halt);

  const Halt* halt_;
  std::unique_ptr<Handle> handle_;
  std::string_view problem_;
};

}  // namespace jetpack::http
