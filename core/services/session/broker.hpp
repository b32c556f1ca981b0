// Publishing to an AMQP broker through amqp.so, which is loaded only when something must be sent:
// its C boundary, and the client around it.
#pragma once

#include <jetpack/abi.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/node/addresses.hpp"

namespace jetpack::session {

// -- The C boundary; the conventions are those of <jetpack/abi.h> ---------------------------------

struct BrokerParameters {
  uint32_t size;
  uint32_t port;
  uint32_t is_tls;
  uint32_t verify;  // 1: the certificate must be trusted and belong to the host
  jp_str host;
  jp_str vhost;
  jp_str username;
  jp_str password;
  jp_str ca_file;  // PEM, trusted beside the system's store; may be empty
};

struct PublishParameters {
  uint32_t size;
  uint32_t persistent;
  jp_str exchange;
  jp_str routing_key;
  jp_str content_type;
  jp_str message_id;
  jp_str user_id;  // empty: none
  jp_str body;
  const jp_header* headers;
  size_t header_count;
};

struct PublishResult {
  uint32_t size;
  uint32_t status;  // a PublishStatus
  uint32_t reply;   // the reply code of AMQP 0-9-1 that caused it; 0: none
  uint32_t text_size;
  char text[496];
};

struct BrokerModule {
  uint32_t size;
  uint32_t reserved;
  // Creates a client of one broker; it connects at the first publish.
  int32_t (*open)(const BrokerParameters* broker, void** self, jp_error* err);
  // Publishes `count` messages in order, mandatory and with confirms, and fills a result for each.
  // JP_UNAVAILABLE or JP_DENIED when no connection can be made; then no result is filled.
  int32_t (*publish)(void* self, const PublishParameters* messages, size_t count,
                     int64_t timeout_ms, PublishResult* results, jp_error* err);
  // Answers what came in meanwhile, and sends a heartbeat when it is time for one.
  void (*heartbeat)(void* self);
  void (*close)(void* self);
};

inline constexpr const char* broker_module_symbol = "jetpack_broker_v1";

// -- The client -----------------------------------------------------------------------------------

enum class PublishStatus : uint32_t {
  unknown = 0,    // no confirm came; the same again may be a second copy
  confirmed = 1,  // the broker has it
  refused = 2,    // see `reply`
  untried = 3,    // it was not sent: something was wrong before it
};

// The reply codes of AMQP 0-9-1 that say what to do next.
namespace amqp_reply {
inline constexpr uint32_t unroutable = 312;
inline constexpr uint32_t access_refused = 403;
inline constexpr uint32_t not_found = 404;
}  // namespace amqp_reply

struct Publication {
  std::string_view exchange;
  std::string_view routing_key;
  std::string_view content_type;
  std::string_view message_id;
  std::string_view user_id;
  std::string_view body;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  bool persistent = true;
};

struct Published {
  PublishStatus status = PublishStatus::unknown;
  uint32_t reply = 0;
  std::string why;  // not confirmed: for a person
};

class Broker {
 public:
  Broker() = default;
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  virtual ~Broker() = default;

  // A result for each, in this order. Throws Errc::unavailable or denied as BrokerModule says.
  virtual std::vector<Published> publish(const std::vector<Publication>& messages,
                                         std::chrono::milliseconds timeout) = 0;
  virtual void heartbeat() = 0;
};

// A client made by the module at `path`, which stays loaded.
std::unique_ptr<Broker> load_broker(const std::string& path, const node::BrokerAddress& address);

}  // namespace jetpack::session
