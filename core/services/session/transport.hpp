// What carries an exchange with the server: the interface that delivery is written against, and the
// C boundary behind which an implementation lives in a module of its own.
//
// https.so is loaded only when something must be sent, so that queueing a message maps no network
// library. Another transport is another module with the same table.
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

namespace jetpack::session {

// -- The C boundary; the conventions are those of <jetpack/abi.h> ---------------------------------

struct ServerTable {
  uint32_t size;
  uint32_t verify;  // 1: the certificate must be trusted and belong to the host
  jp_str url;       // "https://host:9443/ctx", no trailing slash
  jp_str username;
  jp_str password;
  jp_str ca_file;  // PEM, trusted beside the system's store; may be empty
  jp_str proxy;    // "http://host:port"; empty: none
};

struct ExchangeTable {
  uint32_t size;
  uint32_t reserved;
  jp_str method;
  jp_str path;  // below the URL, starts with '/'
  jp_str content_type;
  jp_str body;
  int64_t timeout_ms;        // of everything: name, connection, TLS, request, whole answer
  uint64_t max_reply;        // bytes of the answer's body
  const jp_header* headers;  // beside those that the transport makes itself
  size_t header_count;
};

struct AnswerTable {
  uint32_t size;
  uint32_t status;
  int64_t retry_after_s;  // what Retry-After asks for, in seconds or as a date; -1: nothing
};

struct TransportModule {
  uint32_t size;
  uint32_t reserved;
  // Makes a client of one server; it connects at the first exchange.
  int32_t (*open)(const ServerTable* server, void** self, jp_error* err);
  // JP_OK whatever the HTTP status. JP_UNAVAILABLE: no complete answer in time. JP_DENIED: the
  // server's certificate was refused, and nothing was sent.
  int32_t (*exchange)(void* self, const ExchangeTable* exchange, AnswerTable* answer, jp_sink body,
                      jp_error* err);
  void (*close)(void* self);
  // Writes the SHA-256 of `text` as 64 hex digits. Here, because this module has OpenSSL anyway.
  int32_t (*sha256)(jp_str text, jp_sink hex, jp_error* err);
};

inline constexpr const char* transport_module_symbol = "jetpack_transport_v1";

// -- The interface --------------------------------------------------------------------------------

struct Server {
  std::string url;
  std::string username;
  std::string password;
  std::string ca_file;
  std::string proxy;
  bool verify = true;
};

struct Exchange {
  std::string_view method;
  std::string_view path;
  std::string_view content_type;
  std::string_view body;
  std::chrono::milliseconds timeout{0};
  uint64_t max_reply = 0;
  std::vector<std::pair<std::string_view, std::string_view>> headers = {};
};

struct Answer {
  uint32_t status = 0;
  std::optional<std::chrono::seconds> retry_after;
  std::string body;
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // One exchange, complete or not at all. Throws Errc::unavailable or denied as TransportModule
  // says; the message names the server and holds no secret.
  virtual Answer exchange(const Exchange& exchange) = 0;
};

// A client made by the module at `path`, which stays loaded.
std::unique_ptr<Transport> load_transport(const std::string& path, const Server& server);

// The SHA-256 of `text` as 64 hex digits, by the module at `path`.
std::string sha256_by(const std::string& path, std::string_view text);

}  // namespace jetpack::session
