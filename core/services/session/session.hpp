// The session service: jetpack.session/1 as a module that the host loads on first use.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <jetpack/boundary.hpp>
#include "services/module_host.hpp"
#include "services/node/node_settings.hpp"
#include "services/results.hpp"
#include "services/session/delivery.hpp"
#include "services/session/https_module.hpp"
#include "services/session/outbox.hpp"

namespace jetpack::session {

// The directory that this library stands in, where its transports are too.
std::string own_directory();

void sleep_for(std::chrono::milliseconds time);

// A caller's time, which may be anything, within what sums can bear.
std::chrono::milliseconds bounded(int64_t ms);

// What tells that a file is another one or has another content.
using Stamp = std::tuple<dev_t, ino_t, off_t, int64_t, int64_t>;

class Session {
 public:
  explicit Session(const jp_host& host) : host_(host) {}

  const jp_session& table() const { return table_; }

  std::string identity(std::string_view fact) const;
  jp_receipt publish(const jp_message& raw);
  jp_receipt send(const jp_letter& raw);
  Response request(const jp_request& raw);
  Response metadata(const jp_request& raw);
  std::string probe(uint32_t channel, int64_t timeout_ms) const;
  jp_delivered drain(int64_t time_ms);

  // To look at the queue does not wait for others: `jetpack status` is for when they hang.
  std::string outbox_state() {
    constexpr std::chrono::milliseconds patience{250};
    if (outbox_) return outbox_->describe();
    Outbox::Options options = outbox_options();
    options.patience = patience;
    return Outbox(std::move(options)).describe();
  }
  std::string outbox_list(std::string_view id) { return outbox().list(id); }
  uint64_t change_outbox(uint32_t change, std::string_view id);

 private:
  // What drain() keeps between calls. It is apart from all else, so that it may run in a thread of
  // its own.
  struct Draining {
    explicit Draining(Outbox::Options options) : outbox(std::move(options)) {}

    Outbox outbox;
    std::vector<std::string> sources;
    std::vector<Stamp> stamps;  // of the sources, when `delivery` was made
    std::optional<Delivery> delivery;
  };

  // What request() keeps between calls.
  struct KeptServer {
    std::mutex in_use;
    node::Server server;        // that `client` is for
    std::vector<Stamp> stamps;  // of its CAs, when `client` was made
    std::unique_ptr<HttpsClient> client;
  };

  // What metadata() keeps between calls.
  struct Metadata {
    std::mutex in_use;
    std::vector<Stamp> stamps;  // of the configuration's files, when `client` was made
    std::unique_ptr<HttpsClient> client;
  };

  node::NodeSettings settings() const { return node::node_settings(host_); }

  uint64_t outbox_cap() const {
    return static_cast<uint64_t>(host_.number("cyclecloud.jetpack.outbox_max_mib")) << 20;
  }

  Outbox::Options outbox_options() const {
    return {host_.path("run"), [this] { return outbox_cap(); },
            [this](const std::string& text) { host_.warn(text); }};
  }

  Outbox& outbox() {
    if (!outbox_) outbox_.emplace(outbox_options());
    return *outbox_;
  }

  void check_size(std::string_view body) const;
  void sign(Message& message) const;
  jp_receipt accept(Message message, int64_t wait_ms);
  void deliver_directly(const Message& message, int64_t wait_ms, const std::string& why) const;
  std::string probe_server(std::chrono::milliseconds timeout) const;
  std::string probe_broker(std::chrono::milliseconds timeout) const;
  void refresh(Draining& draining) const;
  Delivery::Options delivery_options(const node::NodeSettings& known) const;
  std::unique_ptr<Transport> transport(const node::NodeSettings& known, Route route) const;
  std::optional<std::string> settle(Message& message, int64_t wait_ms);
  std::optional<std::string> leave_to_daemon(Message& message, int64_t wait_ms);
  std::optional<std::string> deliver(Message& message, std::chrono::milliseconds wait);
  std::unique_ptr<HttpsClient> connect(const node::Server& server) const;

  static Session& from(void* self) { return *static_cast<Session*>(self); }
  static int32_t identity_entry(void* self, jp_str fact, jp_sink out, jp_error* err) noexcept {
    return boundary::guard(err, [&] { write_to(out, from(self).identity(boundary::view(fact))); });
  }
  static int32_t publish_entry(void* self, const jp_message* message, jp_receipt* receipt,
                               jp_error* err) noexcept {
    return boundary::guard(err, [&] {
      const std::lock_guard lock(from(self).outbox_mutex_);
      hand_out(from(self).publish(*message), receipt);
    });
  }
  static int32_t request_entry(void* self, const jp_request* request, jp_reply* reply, jp_sink body,
                               jp_error* err) noexcept {
    return boundary::guard(err, [&] {
      const Response response = from(self).request(*request);
      write_to(body, response.body);
      hand_out(jp_reply{sizeof(jp_reply), response.status, response.date}, reply);
    });
  }
  static int32_t metadata_entry(void* self, const jp_request* request, jp_reply* reply,
                                jp_sink body, jp_error* err) noexcept {
    return boundary::guard(err, [&] {
      const Response response = from(self).metadata(*request);
      write_to(body, response.body);
      hand_out(jp_reply{sizeof(jp_reply), response.status, response.date}, reply);
    });
  }
  static int32_t probe_entry(void* self, uint32_t channel, int64_t timeout_ms, jp_sink json,
                             jp_error* err) noexcept {
    return boundary::guard(err, [&] { write_to(json, from(self).probe(channel, timeout_ms)); });
  }
  static int32_t send_entry(void* self, const jp_letter* letter, jp_receipt* receipt,
                            jp_error* err) noexcept {
    return boundary::guard(err, [&] {
      const std::lock_guard lock(from(self).outbox_mutex_);
      hand_out(from(self).send(*letter), receipt);
    });
  }
  static int32_t deliver_entry(void* self, int64_t time_ms, jp_delivered* result,
                               jp_error* err) noexcept {
    return boundary::guard(err, [&] { hand_out(from(self).drain(time_ms), result); });
  }
  static int32_t outbox_list_entry(void* self, jp_str id, jp_sink json, jp_error* err) noexcept {
    return boundary::guard(err, [&] {
      const std::lock_guard lock(from(self).outbox_mutex_);
      write_to(json, from(self).outbox_list(boundary::view(id)));
    });
  }
  static int32_t outbox_change_entry(void* self, uint32_t change, jp_str id, uint64_t* count,
                                     jp_error* err) noexcept {
    return boundary::guard(err, [&] {
      const std::lock_guard lock(from(self).outbox_mutex_);
      *count = from(self).change_outbox(change, boundary::view(id));
    });
  }
  static int32_t outbox_entry(void* self, jp_sink json, jp_error* err) noexcept {
    return boundary::guard(err, [&] {
      const std::lock_guard lock(from(self).outbox_mutex_);
      write_to(json, from(self).outbox_state());
    });
  }

  ModuleHost host_;
  std::mutex outbox_mutex_, draining_mutex_;
  std::optional<Outbox> outbox_;
  std::optional<Draining> draining_;
  KeptServer server_;
  Metadata metadata_;
  jp_session table_{sizeof(jp_session),
                    0,
                    this,
                    &identity_entry,
                    &publish_entry,
                    &request_entry,
                    &outbox_entry,
                    &send_entry,
                    &deliver_entry,
                    &outbox_list_entry,
                    &outbox_change_entry,
                    &metadata_entry,
                    &probe_entry};
};

}  // namespace jetpack::session
