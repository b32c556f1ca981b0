// Requests to the server through https.so, which is loaded only when something must be sent, so
// that queueing a message maps no network library: its C boundary, and the client around it.
#pragma once

#include <jetpack/abi.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/node/addresses.hpp"

namespace jetpack::session {

// -- The C boundary; the conventions are those of <jetpack/abi.h> ---------------------------------

struct ServerParameters {
  uint32_t size;
  uint32_t verify;  // 1: the certificate must be trusted and belong to the host
  jp_str url;       // "https://host:9443/ctx", no trailing slash
  jp_str username;  // empty: no authorization is sent
  jp_str password;
  jp_str ca_file;  // PEM, trusted beside the system's store; may be empty
  jp_str proxy;    // "http://user:password@host:port", percent-encoded; empty: none
};

struct RequestParameters {
  uint32_t size;
  uint32_t reserved;
  jp_str method;
  jp_str path;  // below the URL, starts with '/'
  jp_str content_type;
  jp_str body;
  int64_t timeout_ms;        // of everything: name, connection, TLS, request, whole answer
  uint64_t max_reply;        // bytes of the answer's body
  const jp_header* headers;  // beside those that the client adds itself
  size_t header_count;
};

struct ResponseParameters {
  uint32_t size;
  uint32_t status;
  int64_t retry_after_s;  // what Retry-After asks for, in seconds or as a date; -1: nothing
  int64_t date_s;         // what Date says, in seconds since 1970; 0: nothing
};

struct HttpsModule {
  uint32_t size;
  uint32_t reserved;
  // Creates a client of one server; it connects at the first exchange.
  int32_t (*open)(const ServerParameters* server, void** self, jp_error* err);
  // JP_OK whatever the HTTP status. JP_UNAVAILABLE: no complete answer in time. JP_DENIED: the
  // server's certificate was refused, and nothing was sent.
  int32_t (*exchange)(void* self, const RequestParameters* request, ResponseParameters* response,
                      jp_sink body, jp_error* err);
  void (*close)(void* self);
  // Writes the SHA-256 of `text` as 64 hex digits.
  int32_t (*sha256)(jp_str text, jp_sink hex, jp_error* err);
};

inline constexpr const char* https_module_symbol = "jetpack_transport_v1";

// -- The client -----------------------------------------------------------------------------------

struct Request {
  std::string_view method;
  std::string_view path;
  std::string_view content_type;
  std::string_view body;
  std::chrono::milliseconds timeout{0};
  uint64_t max_reply = 0;
  std::vector<std::pair<std::string_view, std::string_view>> headers = {};
};

struct Response {
  uint32_t status = 0;
  std::optional<std::chrono::seconds> retry_after;
  std::string body;
  int64_t date = 0;  // what Date says, in seconds since 1970; 0: nothing
};

class HttpsClient {
 public:
  HttpsClient() = default;
  HttpsClient(const HttpsClient&) = delete;
  HttpsClient& operator=(const HttpsClient&) = delete;
  virtual ~HttpsClient() = default;

  // One request and its response, complete or not at all. Throws Errc::unavailable or denied as
  // HttpsModule says; the message names the server and holds no secret.
  virtual Response exchange(const Request& request) = 0;
};

// A client made by the module at `path`, which stays loaded.
std::unique_ptr<HttpsClient> load_https_client(const std::string& path, const node::Server& server);

}  // namespace jetpack::session
