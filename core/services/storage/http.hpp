// HTTP with libcurl: one exchange at a time over a connection that is kept, bounded in every way.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "services/storage/retry.hpp"
#include "services/storage/signing.hpp"

namespace jetpack::storage {

// What holds for all exchanges with one server.
struct HttpSettings {
  std::string ca_file;              // PEM, trusted beside the system's; empty: only those
  std::string proxy;                // "http://host:port"; empty: none
  bool verify = true;               // the certificate must be trusted and belong to the host
  std::chrono::seconds stall{30};   // so long next to nothing may come or go
  std::chrono::seconds longest{0};  // of the whole exchange; 0: as long as bytes flow

  bool operator==(const HttpSettings&) const = default;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;     // whole, percent-encoded; may hold a secret, which no error repeats
  Parameters headers;  // names in lower case
  std::string_view body = {};
};

struct HttpReply {
  unsigned status = 0;
  Parameters headers;  // names in lower case, the last of several
  std::string body;    // what no sink took

  // "" when there is none.
  std::string header(const std::string& name) const;
};

// Takes the body of a 2xx reply in pieces, while it comes. What it throws ends the exchange and is
// thrown by perform.
using BodySink = std::function<void(const HttpReply& reply, std::string_view piece)>;

// One connection. Not for two threads at once.
class HttpClient {
 public:
  // Ends what runs when `halt` is set; it must outlive the client.
  explicit HttpClient(const Halt& halt);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Returns any whole reply, whatever its status. Redirections are not followed. Throws Passing
  // when there was none and another try may help, else Error; both name the server and nothing of
  // the URL behind it. A body that is longer than `max_body` is Errc::corrupt; a sink has no bound.
  HttpReply perform(const HttpSettings& settings, const HttpRequest& request, uint64_t max_body,
                    const BodySink& sink = nullptr);

 private:
  class Exchange;
  struct Handle;
  const Halt* halt_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace jetpack::storage
