// The hub's connection to a RabbitMQ broker that queues the nodes' messages.
#include "broker/broker.hpp"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/time.h>

#include <array>
#include <span>
#include <vector>

#include <jetpack/error.hpp>
#include "support/ca_store.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

using namespace std::chrono_literals;

namespace {

constexpr const char* exchange = "jetpack";
constexpr const char* refused_queue = "jetpack.refused";
constexpr int64_t refused_bytes = 1 << 30;  // of the newest that are kept
constexpr amqp_channel_t channel = 1, looking_channel = 2;
constexpr int frame_size = 131'072;
constexpr int heartbeat_seconds = 30;
constexpr timeval answer_time{10, 0};
constexpr timeval farewell_time{1, 0};

amqp_bytes_t borrowed(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

std::string text_of_bytes(const amqp_bytes_t& bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

amqp_table_entry_t text_entry(const char* key, const char* value) {
  return {amqp_cstring_bytes(key), {AMQP_FIELD_KIND_UTF8, {.bytes = amqp_cstring_bytes(value)}}};
}

std::string queue_name(int number) { return "jetpack.messages." + std::to_string(number); }

amqp_table_entry_t true_entry(const char* key) {
  return {amqp_cstring_bytes(key), {AMQP_FIELD_KIND_BOOLEAN, {.boolean = 1}}};
}

bool is_numeric_host(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

bool is_this_machine(const std::string& host) {
  return host == "localhost" || host == "::1" ||
         (is_numeric_host(host) && host.starts_with("127."));
}

timeval to_timeval(std::chrono::milliseconds time) {
  return {time.count() / 1000, static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}

}  // namespace

BrokerAddress parse_broker_url(std::string_view url, std::string_view ca_file) {
  std::vector<char> text(url.begin(), url.end());
  text.push_back('\0');
  amqp_connection_info parts{};
  if (url.find('\0') != std::string_view::npos ||
      amqp_parse_url(text.data(), &parts) != AMQP_STATUS_OK || *parts.host == 0)
    throw Error(Errc::usage, "invalid --broker: expected amqps://USER:PASSWORD@HOST:PORT/VHOST");
  BrokerAddress address{parts.host,
                        parts.user,
                        parts.password,
                        parts.vhost,
                        static_cast<uint16_t>(parts.port),
                        parts.ssl != 0,
                        std::string(ca_file),
                        ""};
  address.shown = std::string(address.is_tls ? "amqps://" : "amqp://") + address.user + "@" +
                  address.host + ":" + std::to_string(address.port) + "/" + address.vhost;
  if (!address.is_tls && !is_this_machine(address.host))
    throw Error(Errc::usage, "--broker " + address.shown +
                                 " rejected: without TLS the password would be sent "
                                 "in clear text\nUse amqps://.");
  return address;
}

BrokerConnection::BrokerConnection(const BrokerAddress& address, size_t body_limit)
    : address_(address), max_body_(body_limit), state_(amqp_new_connection()) {
  if (!state_) fail("connecting", "out of memory");
  connect();
  declare();
}

BrokerConnection::~BrokerConnection() {
  // A courtesy: the broker redelivers what is not acknowledged either way.
  amqp_set_rpc_timeout(state_.get(), &farewell_time);
  amqp_connection_close(state_.get(), AMQP_REPLY_SUCCESS);
}

void BrokerConnection::connect() {
  amqp_socket_t* socket =
      address_.is_tls ? amqp_ssl_socket_new(state_.get()) : amqp_tcp_socket_new(state_.get());
  if (socket == nullptr) fail("connecting", "out of memory");
  if (address_.is_tls) prepare_tls(socket);
  timeval longest = answer_time;
  const int status =
      amqp_socket_open_noblock(socket, address_.host.c_str(), address_.port, &longest);
  if (status == AMQP_STATUS_SSL_CONNECTION_FAILED || status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED)
    fail("connecting",
         "TLS handshake failed; check that --broker-ca is the certificate of its "
         "authority and that its certificate is valid for this host");
  check(status, "connecting");
  amqp_set_handshake_timeout(state_.get(), &answer_time);
  amqp_set_rpc_timeout(state_.get(), &answer_time);
  std::array<amqp_table_entry_t, 2> capabilities = {true_entry("authentication_failure_close"),
                                                    true_entry("consumer_cancel_notify")};
  amqp_table_entry_t ours{};
  ours.key = amqp_cstring_bytes("capabilities");
  ours.value.kind = AMQP_FIELD_KIND_TABLE;
  ours.value.value.table = {capabilities.size(), capabilities.data()};
  std::array<amqp_table_entry_t, 2> properties = {ours,
                                                  text_entry("connection_name", "jetpack hub")};
  const amqp_table_t table{properties.size(), properties.data()};
  check(amqp_login_with_properties(state_.get(), address_.vhost.c_str(), 0, frame_size,
                                   heartbeat_seconds, &table, AMQP_SASL_METHOD_PLAIN,
                                   address_.user.c_str(), address_.password.c_str()),
        "logging in");
  amqp_channel_open(state_.get(), channel);
  check(amqp_get_rpc_reply(state_.get()), "opening a channel");
}

// OpenSSL checks the name: the library's own check does not support IP addresses.
void BrokerConnection::prepare_tls(amqp_socket_t* socket) const {
  auto* context = static_cast<SSL_CTX*>(amqp_ssl_socket_get_context(socket));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  amqp_ssl_socket_set_verify_hostname(socket, 0);
  amqp_ssl_socket_set_verify_peer(socket, 1);
  const support::CaStore trusted = address_.ca_file.empty()
                                       ? support::system_ca_store()
                                       : support::CaStore{address_.ca_file, ""};
  if (!trusted.directory.empty()) SSL_CTX_load_verify_dir(context, trusted.directory.c_str());
  if (!trusted.file.empty() && SSL_CTX_load_verify_file(context, trusted.file.c_str()) != 1)
    fail("connecting", "failed to read the certificates in " + trusted.file);
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  const int done = is_numeric_host(address_.host)
                       ? X509_VERIFY_PARAM_set1_ip_asc(wanted, address_.host.c_str())
                       : X509_VERIFY_PARAM_set1_host(wanted, address_.host.c_str(), 0);
  if (done != 1) fail("connecting", "failed to set up the check of the broker's name");
}

void BrokerConnection::declare() {
  amqp_exchange_declare(state_.get(), channel, amqp_cstring_bytes(exchange),
                        amqp_cstring_bytes("topic"), 0, 1, 0, 0, amqp_empty_table);
  check(amqp_get_rpc_reply(state_.get()), "declaring the exchange jetpack");
  declare_refused_queue();
  std::array<amqp_table_entry_t, 3> entries = {
      true_entry("x-single-active-consumer"), text_entry("x-dead-letter-exchange", ""),
      text_entry("x-dead-letter-routing-key", refused_queue)};
  const amqp_table_t arguments{entries.size(), entries.data()};
  // A node's messages all go to one queue, and each queue has one consumer at a time: so they are
  // applied in order, whatever the number of hubs.
  for (int i = 0; i < queues; ++i) {
    const std::string number = std::to_string(i), queue = queue_name(i);
    amqp_queue_declare(state_.get(), channel, borrowed(queue), 0, 1, 0, 0, arguments);
    check(amqp_get_rpc_reply(state_.get()), "declaring the queue " + queue);
    amqp_queue_bind(state_.get(), channel, borrowed(queue), amqp_cstring_bytes(exchange),
                    borrowed("messages." + number + ".#"), amqp_empty_table);
    check(amqp_get_rpc_reply(state_.get()), "binding the queue " + queue);
  }
  amqp_basic_qos(state_.get(), channel, 0, prefetch, 1);
  check(amqp_get_rpc_reply(state_.get()), "setting the prefetch limit");
}

// A node that sends nothing else must not fill the broker's disk, which would hold up all nodes. An
// existing queue is used as it is: an administrator may have declared it with another limit.
void BrokerConnection::declare_refused_queue() {
  if (has_queue(refused_queue)) return;
  amqp_table_entry_t limit{amqp_cstring_bytes("x-max-length-bytes"),
                           {AMQP_FIELD_KIND_I64, {.i64 = refused_bytes}}};
  amqp_queue_declare(state_.get(), channel, amqp_cstring_bytes(refused_queue), 0, 1, 0, 0,
                     {1, &limit});
  check(amqp_get_rpc_reply(state_.get()), "declaring the queue jetpack.refused");
}

// On a channel of its own: the broker closes the one that asked for a queue that is not there.
bool BrokerConnection::has_queue(const char* name) {
  amqp_channel_open(state_.get(), looking_channel);
  check(amqp_get_rpc_reply(state_.get()), "opening a channel");
  amqp_queue_declare(state_.get(), looking_channel, amqp_cstring_bytes(name), 1, 1, 0, 0,
                     amqp_empty_table);
  const amqp_rpc_reply_t reply = amqp_get_rpc_reply(state_.get());
  if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
      reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD &&
      static_cast<const amqp_channel_close_t*>(reply.reply.decoded)->reply_code == AMQP_NOT_FOUND) {
    amqp_channel_close_ok_t agreed{};
    check(amqp_send_method(state_.get(), looking_channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &agreed),
          "closing a channel");
    return false;
  }
  const std::string doing = std::string("looking for the queue ") + name;
  check(reply, doing);
  check(amqp_channel_close(state_.get(), looking_channel, AMQP_REPLY_SUCCESS), doing);
  return true;
}

std::string BrokerConnection::identity() const {
  std::string cluster = address_.host + ":" + std::to_string(address_.port);
  const amqp_table_t* properties = amqp_get_server_properties(state_.get());
  const std::span entries(properties->entries, static_cast<size_t>(properties->num_entries));
  for (const auto& entry : entries)
    if (text_of_bytes(entry.key) == "cluster_name" && entry.value.kind == AMQP_FIELD_KIND_UTF8)
      cluster = text_of_bytes(entry.value.value.bytes);
  return cluster + "/" + address_.vhost;
}

void BrokerConnection::consume(int queue) {
  const std::string name = queue_name(queue);
  amqp_basic_consume(state_.get(), channel, borrowed(name), borrowed(name), 0, 0, 0,
                     amqp_empty_table);
  check(amqp_get_rpc_reply(state_.get()), "consuming from " + name);
}

void BrokerConnection::cancel(int queue) {
  const std::string name = queue_name(queue);
  amqp_basic_cancel(state_.get(), channel, borrowed(name));
  check(amqp_get_rpc_reply(state_.get()), "ending to consume from " + name);
}

std::optional<BrokerMessage> BrokerConnection::next(std::chrono::milliseconds longest) {
  while (const auto frame = next_frame(longest)) {
    if (frame->frame_type != AMQP_FRAME_METHOD) continue;
    const amqp_method_t& method = frame->payload.method;
    if (method.id == AMQP_BASIC_DELIVER_METHOD) return read_message(*frame);
    if (method.id == AMQP_CONNECTION_CLOSE_METHOD || method.id == AMQP_CHANNEL_CLOSE_METHOD)
      fail_closed(method, "waiting for messages");
    if (method.id == AMQP_BASIC_CANCEL_METHOD) fail("waiting for messages", "a queue was deleted");
  }
  return std::nullopt;
}

std::optional<amqp_frame_t> BrokerConnection::next_frame(std::chrono::milliseconds longest) {
  amqp_maybe_release_buffers(state_.get());
  amqp_frame_t frame{};
  const timeval time = to_timeval(longest);
  const int status = amqp_simple_wait_frame_noblock(state_.get(), &frame, &time);
  if (status == AMQP_STATUS_TIMEOUT) return std::nullopt;
  check(status, "waiting for messages");
  return frame;
}

amqp_frame_t BrokerConnection::next_content_frame() {
  auto frame = next_frame(10s);
  if (!frame) fail("receiving a message", "the rest timed out");
  if (frame->frame_type == AMQP_FRAME_METHOD)
    fail_closed(frame->payload.method, "receiving a message");
  return *frame;
}

BrokerMessage BrokerConnection::read_message(const amqp_frame_t& delivery) {
  const auto* method = static_cast<const amqp_basic_deliver_t*>(delivery.payload.method.decoded);
  BrokerMessage message;
  message.tag = method->delivery_tag;
  message.routing_key = text_of_bytes(method->routing_key);
  const amqp_frame_t header = next_content_frame();
  if (header.frame_type != AMQP_FRAME_HEADER) fail("receiving a message", "its header is missing");
  const auto* properties =
      static_cast<const amqp_basic_properties_t*>(header.payload.properties.decoded);
  if ((properties->_flags & AMQP_BASIC_USER_ID_FLAG) != 0)
    message.user_id = text_of_bytes(properties->user_id);
  const uint64_t size = header.payload.properties.body_size;
  message.is_too_large = size > max_body_;
  for (uint64_t received = 0; received < size;) {
    const amqp_frame_t part = next_content_frame();
    if (part.frame_type != AMQP_FRAME_BODY) fail("receiving a message", "its body is incomplete");
    received += part.payload.body_fragment.len;
    if (!message.is_too_large) message.body += text_of_bytes(part.payload.body_fragment);
  }
  return message;
}

void BrokerConnection::acknowledge(uint64_t tag) {
  check(amqp_basic_ack(state_.get(), channel, tag, 1), "acknowledging");
}

void BrokerConnection::refuse(uint64_t tag) {
  check(amqp_basic_reject(state_.get(), channel, tag, 0), "rejecting a message");
}

void BrokerConnection::check(int status, const std::string& doing) const {
  if (status != AMQP_STATUS_OK) fail(doing, amqp_error_string2(status));
}

void BrokerConnection::check(const amqp_rpc_reply_t& reply, const std::string& doing) const {
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) fail_closed(reply.reply, doing);
  fail(doing, amqp_error_string2(reply.library_error));
}

void BrokerConnection::fail(const std::string& doing, const std::string& why) const {
  throw Error(Errc::unavailable, doing + " at the broker " + address_.shown + ": " + why);
}

void BrokerConnection::fail_closed(const amqp_method_t& method, const std::string& doing) const {
  std::string why = "unexpected response";
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_connection_close_t*>(method.decoded);
    why = std::to_string(close->reply_code) + " " + text_of_bytes(close->reply_text);
  } else if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_channel_close_t*>(method.decoded);
    why = std::to_string(close->reply_code) + " " + text_of_bytes(close->reply_text);
  }
  fail(doing, support::one_line(why));
}

}  // namespace jetpack::hub
