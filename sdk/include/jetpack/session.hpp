// jetpack/session.hpp: this node's conversation with its cluster's server. [thread-safe]
#pragma once

#include <jetpack/boundary.hpp>
#include <jetpack/message.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack {

// What became of a message that was published.
struct Receipt {
  bool delivered = false;  // false: it is on disk, and will be delivered in order
  std::string id;          // the message's UUID
  std::string note;        // not delivered: why it is queued; else why it could not be
};

// A receipt as the C table has it. [thread-safe]
inline Receipt receipt_of(const jp_receipt& raw) {
  return {raw.delivery == JP_DELIVERED, raw.id,
          std::string(raw.note, std::min<size_t>(raw.note_size, sizeof raw.note))};
}

struct Request {
  std::string_view method = "GET";
  std::string_view path;  // below the server's address: "/clusters/demo/nodes"
  std::string_view body = {};
  bool body_is_json = true;
  std::chrono::milliseconds timeout{0};  // for the whole request; 0: ten seconds
  uint64_t max_reply = 0;                // bytes; 0: 16 MiB
};

struct Reply {
  uint32_t status = 0;  // the HTTP status
  std::string body;
  int64_t time = 0;  // by the other side's clock, in seconds since 1970; 0: it does not say
};

// What is sent as it is; see jp_letter.
struct Letter {
  jp_channel channel = JP_TO_SERVER;
  std::string_view method = "POST";
  std::string_view address;  // a path below the server's address, or a routing key
  std::string_view exchange = {};
  std::string_view content_type = {};
  std::string_view body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  bool persistent = true;
};

// What became of one attempt to empty the outbox.
struct Delivered {
  jp_outcome outcome = JP_DRAINED;
  uint64_t messages = 0;
  uint64_t dead = 0;
  std::chrono::milliseconds retry_after{0};  // JP_RETRY: nothing would be tried before
  std::string note;
};

class Session {
 public:
  static constexpr std::string_view id = JP_SESSION;
  using Table = jp_session;

  explicit Session(const Table& table) noexcept : table_(&table) {}

  // A fact by its name, see jp_session.identity; nullopt when it is unknown.
  std::optional<std::string> identity(std::string_view fact) const {
    std::string value;
    jp_error err{};
    const int32_t status =
        table_->identity(table_->self, boundary::borrow(fact), boundary::append_to(value), &err);
    if (status == JP_NOT_FOUND) return std::nullopt;
    boundary::check(status, err);
    return value;
  }

  // The same, but a fact that is unknown is Errc::failed, with a text that says where to configure
  // it.
  std::string require(std::string_view fact) const {
    if (auto value = identity(fact)) return *std::move(value);
    throw Error(Errc::failed,
                "this node's " + std::string(fact) + " is not configured; " + remedy(fact));
  }

  // Stores a message durably and delivers it. Without `wait`: for at most five seconds, and only
  // when no daemon runs; what is not delivered stays queued. What cannot be stored is delivered
  // directly. Throws when it was neither stored nor delivered.
  Receipt publish(std::string_view type, std::string_view json_data,
                  std::optional<std::chrono::milliseconds> wait = std::nullopt) const {
    jp_message message{};
    message.size = sizeof message;
    message.type = boundary::borrow(type);
    message.data = boundary::borrow(json_data);
    message.wait_ms = wait ? int64_t{wait->count()} : JP_WAIT_DEFAULT;
    jp_receipt receipt{};
    receipt.size = sizeof receipt;
    jp_error err{};
    boundary::check(table_->publish(table_->self, &message, &receipt, &err), err);
    return receipt_of(receipt);
  }

  Receipt publish(const Message& message,
                  std::optional<std::chrono::milliseconds> wait = std::nullopt) const {
    return publish(message.type, message.data, wait);
  }

  // As publish, for a letter.
  Receipt send(const Letter& letter,
               std::optional<std::chrono::milliseconds> wait = std::nullopt) const {
    if (!JP_HAS(table_, send))
      throw Error(Errc::unsupported, "this jetpack cannot send letters; update jetpack");
    std::vector<jp_header> headers;
    for (const auto& [name, value] : letter.headers)
      headers.push_back({boundary::borrow(name), boundary::borrow(value)});
    jp_letter raw{};
    raw.size = sizeof raw;
    raw.channel = letter.channel;
    raw.method = boundary::borrow(letter.method);
    raw.address = boundary::borrow(letter.address);
    raw.exchange = boundary::borrow(letter.exchange);
    raw.content_type = boundary::borrow(letter.content_type);
    raw.body = boundary::borrow(letter.body);
    raw.headers = headers.data();
    raw.header_count = static_cast<uint32_t>(headers.size());
    raw.persistent = letter.persistent ? 1 : 0;
    raw.wait_ms = wait ? int64_t{wait->count()} : JP_WAIT_DEFAULT;
    jp_receipt receipt{};
    receipt.size = sizeof receipt;
    jp_error err{};
    boundary::check(table_->send(table_->self, &raw, &receipt, &err), err);
    return receipt_of(receipt);
  }

  // For the daemon alone: delivers what is queued for at most `time`; see jp_session.deliver.
  Delivered deliver(std::chrono::milliseconds time) const {
    if (!JP_HAS(table_, deliver))
      throw Error(Errc::unsupported, "this jetpack has no delivery for daemons; update jetpack");
    jp_delivered raw{};
    raw.size = sizeof raw;
    jp_error err{};
    boundary::check(table_->deliver(table_->self, int64_t{time.count()}, &raw, &err), err);
    return {static_cast<jp_outcome>(raw.outcome), raw.messages, raw.dead,
            std::chrono::milliseconds{raw.retry_ms},
            std::string(raw.note, std::min<size_t>(raw.note_size, sizeof raw.note))};
  }

  // One authenticated request. Throws Errc::unavailable when there was no complete response.
  Reply request(const Request& request) const { return ask(table_->request, request); }

  // One request to the cloud's metadata service; see jp_session.metadata. Throws as request does.
  Reply metadata(const Request& request) const {
    if (!JP_HAS(table_, metadata))
      throw Error(Errc::unsupported,
                  "this jetpack cannot ask the metadata service; update jetpack");
    return ask(table_->metadata, request);
  }

  // Whether the server or the broker can be used, as JSON; see jp_session.probe.
  std::string probe(jp_channel channel, std::chrono::milliseconds timeout) const {
    if (!JP_HAS(table_, probe))
      throw Error(Errc::unsupported, "this jetpack cannot probe its connection; update jetpack");
    std::string json;
    jp_error err{};
    boundary::check(table_->probe(table_->self, static_cast<uint32_t>(channel),
                                  int64_t{timeout.count()}, boundary::append_to(json), &err),
                    err);
    return json;
  }

  // The outbox's state as JSON; see jp_session.outbox.
  std::string outbox() const {
    std::string json;
    jp_error err{};
    boundary::check(table_->outbox(table_->self, boundary::append_to(json), &err), err);
    return json;
  }

  // What is in the outbox as a JSON list, or one message with its content; see
  // jp_session.outbox_list.
  std::string outbox_list(std::string_view message = {}) const {
    require_outbox();
    std::string json;
    jp_error err{};
    boundary::check(table_->outbox_list(table_->self, boundary::borrow(message),
                                        boundary::append_to(json), &err),
                    err);
    return json;
  }

  // Sends again or forgets what is in the outbox; returns how many; see jp_session.outbox_change.
  uint64_t change_outbox(jp_outbox_change change, std::string_view message = {}) const {
    require_outbox();
    uint64_t count = 0;
    jp_error err{};
    boundary::check(table_->outbox_change(table_->self, static_cast<uint32_t>(change),
                                          boundary::borrow(message), &count, &err),
                    err);
    return count;
  }

 private:
  Reply ask(decltype(Table::request) function, const Request& request) const {
    jp_request raw{};
    raw.size = sizeof raw;
    raw.body_is_json = request.body_is_json ? 1 : 0;
    raw.method = boundary::borrow(request.method);
    raw.path = boundary::borrow(request.path);
    raw.body = boundary::borrow(request.body);
    raw.timeout_ms = static_cast<int64_t>(request.timeout.count());
    raw.max_reply = request.max_reply;
    jp_reply answer{};
    answer.size = sizeof answer;
    Reply reply;
    jp_error err{};
    boundary::check(function(table_->self, &raw, &answer, boundary::append_to(reply.body), &err),
                    err);
    reply.status = answer.http_status;
    reply.time = answer.time;
    return reply;
  }

  void require_outbox() const {
    if (!JP_HAS(table_, outbox_change))
      throw Error(Errc::unsupported, "this jetpack cannot change its outbox; update jetpack");
  }

  static std::string remedy(std::string_view fact) {
    if (fact == "cluster")
      return "set \"cluster\" in config/connection.json or [identity] cluster_name in "
             "config/jetpack.ini";
    if (fact == "node")
      return "set [identity] node_name in config/jetpack.ini, or cyclecloud.node.name in the "
             "configuration";
    if (fact == "broker")
      return "set [broker] url = amqps://USER:PASSWORD@HOST:PORT/VHOST in config/jetpack.ini";
    return "enroll the node, or create config/connection.json";
  }

  const Table* table_;
};

}  // namespace jetpack
