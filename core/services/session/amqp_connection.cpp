// A connection to an AMQP broker.
#include "services/session/amqp_connection.hpp"

#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <vector>

#include "services/session/sockets.hpp"
#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack::session {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr int frame_max = 128 << 10;
constexpr int heartbeat_s = 60;
// Up to here a body is written in one go.
constexpr size_t small_body = 32 << 10;
// Of a larger one no more is written at a time than a socket with room takes at once, so that the
// library never waits in the middle.
constexpr size_t piece = 16 << 10;
constexpr milliseconds goodbye{1000};
constexpr amqp_channel_t question_channel = 2;
constexpr size_t max_words = 200;

amqp_bytes_t bytes_of(jp_str text) { return {text.size, const_cast<char*>(text.data)}; }

amqp_bytes_t bytes_of(const std::string& text) {
  return {text.size(), const_cast<char*>(text.data())};
}

// What the broker said, fit for a line of text.
std::string text_of(const amqp_bytes_t& bytes) {
  std::string text(static_cast<const char*>(bytes.bytes), std::min(bytes.len, max_words));
  while (!text.empty() && !support::is_utf8(text)) text.pop_back();
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

timeval until(AmqpClock::time_point deadline) {
  const auto left =
      std::max(microseconds::zero(), std::chrono::ceil<microseconds>(deadline - AmqpClock::now()));
  return {left.count() / 1'000'000, left.count() % 1'000'000};
}

int verification_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool is_numeric(const std::string& host) {
  in6_addr address{};
  return is_ipv4(host) || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

amqp_table_entry_t flag(const char* name) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(name);
  entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  entry.value.value.boolean = 1;
  return entry;
}

amqp_table_entry_t text_entry(amqp_bytes_t name, amqp_bytes_t value) {
  amqp_table_entry_t entry{};
  entry.key = name;
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = value;
  return entry;
}

// Borrows from the message.
struct Properties {
  explicit Properties(const PublishParameters& message) {
    for (size_t i = 0; i < message.header_count; ++i)
      entries.push_back(
          text_entry(bytes_of(message.headers[i].name), bytes_of(message.headers[i].value)));
    fields._flags =
        AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG;
    fields.content_type = bytes_of(message.content_type);
    fields.delivery_mode =
        message.persistent != 0 ? AMQP_DELIVERY_PERSISTENT : AMQP_DELIVERY_NONPERSISTENT;
    fields.message_id = bytes_of(message.message_id);
    if (message.user_id.size > 0) {
      fields._flags |= AMQP_BASIC_USER_ID_FLAG;
      fields.user_id = bytes_of(message.user_id);
    }
    if (!entries.empty()) {
      fields._flags |= AMQP_BASIC_HEADERS_FLAG;
      fields.headers = {static_cast<int>(entries.size()), entries.data()};
    }
  }
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;

  std::vector<amqp_table_entry_t> entries;
  amqp_basic_properties_t fields{};
};

}  // namespace

// The library tells neither why a certificate was refused, nor lets the name be set that is asked
// for (SNI) when it connects to a numeric address.
void AmqpConnection::watch_handshake(const SSL* ssl, int where, int result) {
  auto* verification =
      static_cast<Verification*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), verification_index()));
  if (verification == nullptr) return;
  if ((where & SSL_CB_HANDSHAKE_START) != 0) {
    std::string& name = verification->server_name;
    // The callback gets its own connection as const, before anything was sent on it.
    SSL_set_tlsext_host_name(const_cast<SSL*>(ssl), name.empty() ? nullptr : name.data());
  }
  if ((where & SSL_CB_EXIT) == 0 || result > 0) return;
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK)
    verification->result = verdict;
}

void AmqpConnection::prepare_tls(amqp_socket_t* socket, const node::BrokerAddress& address,
                                 Verification& verification) {
  auto* context = static_cast<SSL_CTX*>(amqp_ssl_socket_get_context(socket));
  const bool is_address = is_numeric(address.host);
  verification.server_name = is_address ? "" : address.host;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_ex_data(context, verification_index(), &verification);
  SSL_CTX_set_info_callback(context, &watch_handshake);
  // The check of the name that comes with the library knows no addresses; OpenSSL's does.
  amqp_ssl_socket_set_verify_hostname(socket, 0);
  amqp_ssl_socket_set_verify_peer(socket, address.verify ? 1 : 0);
  SSL_CTX_set_verify(context, address.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!address.verify) return;
  SSL_CTX_set_default_verify_paths(context);
  if (!address.ca_file.empty() &&
      SSL_CTX_load_verify_locations(context, address.ca_file.c_str(), nullptr) != 1)
    throw Error(Errc::corrupt,
                "cannot read certificates from " + address.ca_file + "; it must be a PEM file");
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  const int done = is_address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, address.host.c_str())
                              : X509_VERIFY_PARAM_set1_host(wanted, address.host.c_str(), 0);
  if (done != 1) throw Error(Errc::internal, "cannot have the broker's name checked");
}

AmqpConnection::AmqpConnection(const node::BrokerAddress& address, AmqpClock::time_point deadline)
    : peer_("the broker at " + address.text()),
      verification_(std::make_unique<Verification>()),
      state_(amqp_new_connection()) {
  if (!state_) throw Error(Errc::unavailable, "no memory for a connection");
  open_socket(address, deadline);
  log_in(address, deadline);
  open_channel(deadline);
}

void AmqpConnection::open_socket(const node::BrokerAddress& address,
                                 AmqpClock::time_point deadline) {
  const auto hosts = resolve(address.host, deadline);
  for (size_t i = 0;; ++i) {
    // Owned by the state from here on, which frees the one before it.
    amqp_socket_t* socket =
        address.is_tls ? amqp_ssl_socket_new(state_.get()) : amqp_tcp_socket_new(state_.get());
    if (socket == nullptr) throw Error(Errc::unavailable, "no memory for a connection");
    if (address.is_tls) prepare_tls(socket, address, *verification_);
    timeval left = until(deadline);
    const int status =
        amqp_socket_open_noblock(socket, hosts[i].c_str(), static_cast<int>(address.port), &left);
    if (status == AMQP_STATUS_OK) return;
    if (verification_->result != X509_V_OK && address.verify)
      throw Error(Errc::denied, peer_ + " has a certificate that is not trusted: " +
                                    X509_verify_cert_error_string(verification_->result) +
                                    "; set [broker] ca_file to its CA, or skip_ssl_validation");
    if (status == AMQP_STATUS_SSL_CONNECTION_FAILED || status == AMQP_STATUS_SSL_ERROR)
      throw Error(Errc::unavailable,
                  peer_ + " did not complete the TLS handshake; is it an amqps port?");
    if (i + 1 < hosts.size() && AmqpClock::now() < deadline) {
      state_.reset(amqp_new_connection());
      continue;
    }
    if (status == AMQP_STATUS_TIMEOUT)
      throw Error(Errc::unavailable, peer_ + " did not answer in time");
    const std::string why = why_unreachable(hosts[i], address.port);
    if (why == support::system_message(ECONNREFUSED))
      throw Error(Errc::unavailable, peer_ + " refused the connection");
    throw Error(Errc::unavailable, peer_ + " cannot be reached" + (why.empty() ? "" : ": " + why));
  }
}

// What the calls of the library that wait for an answer may take.
void AmqpConnection::limit(AmqpClock::time_point deadline) {
  const timeval left = until(deadline);
  amqp_set_rpc_timeout(state_.get(), &left);
}

void AmqpConnection::log_in(const node::BrokerAddress& address, AmqpClock::time_point deadline) {
  const timeval left = until(deadline);
  amqp_set_handshake_timeout(state_.get(), &left);
  limit(deadline);
  std::array capabilities{flag("authentication_failure_close"), flag("connection.blocked"),
                          flag("publisher_confirms"), flag("basic.nack")};
  amqp_table_entry_t properties[2]{};
  properties[0].key = amqp_cstring_bytes("capabilities");
  properties[0].value.kind = AMQP_FIELD_KIND_TABLE;
  properties[0].value.value.table = {static_cast<int>(capabilities.size()), capabilities.data()};
  properties[1] = text_entry(amqp_cstring_bytes("connection_name"), amqp_cstring_bytes("jetpack"));
  const amqp_table_t table{2, properties};
  const auto reply = amqp_login_with_properties(state_.get(), address.vhost.c_str(), 0, frame_max,
                                                heartbeat_s, &table, AMQP_SASL_METHOD_PLAIN,
                                                address.username.c_str(), address.password.c_str());
  try {
    check_reply(reply, "log in");
  } catch (const ClosedByBroker& e) {
    constexpr uint32_t not_allowed = 530;
    if (e.reply() == amqp_reply::access_refused)
      throw Error(Errc::denied, peer_ +
                                    " refused the user name or password; check [broker] url "
                                    "or ask the cluster's administrator");
    if (e.reply() == not_allowed)
      throw Error(Errc::denied, std::string(e.what()) +
                                    "; check the vhost in [broker] url and the user's permissions");
    throw;
  }
}

void AmqpConnection::open_channel(AmqpClock::time_point deadline) {
  limit(deadline);
  amqp_channel_open(state_.get(), channel);
  check_reply(amqp_get_rpc_reply(state_.get()), "open a channel");
  amqp_confirm_select(state_.get(), channel);
  check_reply(amqp_get_rpc_reply(state_.get()), "ask for confirms");
}

void AmqpConnection::fail_closed(uint32_t reply, const amqp_bytes_t& text, const char* what) {
  throw ClosedByBroker(Errc::unavailable, peer_ + " closed the " + what + ": " + text_of(text),
                       reply);
}

void AmqpConnection::check_reply(const amqp_rpc_reply_t& reply, const char* doing) {
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
    if (reply.library_error == AMQP_STATUS_TIMEOUT)
      throw Error(Errc::unavailable, peer_ + " did not " + doing + " in time");
    throw Error(Errc::unavailable,
                peer_ + " broke off: " + amqp_error_string2(reply.library_error));
  }
  if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto* method = static_cast<const amqp_connection_close_t*>(reply.reply.decoded);
    fail_closed(method->reply_code, method->reply_text, "connection");
  }
  if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* method = static_cast<const amqp_channel_close_t*>(reply.reply.decoded);
    fail_closed(method->reply_code, method->reply_text, "channel");
  }
  throw Error(Errc::unavailable, peer_ + " gave an unexpected answer");
}

void AmqpConnection::check_status(int status) {
  if (status == AMQP_STATUS_OK) return;
  throw Error(Errc::unavailable, peer_ + " broke off: " + amqp_error_string2(status));
}

bool AmqpConnection::has_exchange(const std::string& name, AmqpClock::time_point deadline) {
  limit(deadline);
  // On a channel of its own, which the broker closes when there is no such exchange: what waits
  // for confirms on the other must not be lost.
  amqp_channel_open(state_.get(), question_channel);
  check_reply(amqp_get_rpc_reply(state_.get()), "open a channel");
  amqp_exchange_declare(state_.get(), question_channel, bytes_of(name), amqp_empty_bytes, 1, 0, 0,
                        0, amqp_empty_table);
  try {
    check_reply(amqp_get_rpc_reply(state_.get()), "say whether an exchange exists");
  } catch (const ClosedByBroker& e) {
    if (e.reply() != amqp_reply::not_found) throw;
    amqp_channel_close_ok_t done{};
    check_status(
        amqp_send_method(state_.get(), question_channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &done));
    return false;
  }
  check_reply(amqp_channel_close(state_.get(), question_channel, AMQP_REPLY_SUCCESS),
              "close a channel");
  return true;
}

void AmqpConnection::wait_for_room(AmqpClock::time_point deadline) {
  for (;;) {
    pollfd wait{amqp_get_sockfd(state_.get()), POLLIN | POLLOUT, 0};
    const auto left = std::chrono::ceil<milliseconds>(deadline - AmqpClock::now()).count();
    if (left <= 0) throw Error(Errc::unavailable, peer_ + " takes nothing more");
    const int ready = ::poll(&wait, 1, static_cast<int>(std::min<int64_t>(left, 1000)));
    if (ready > 0 && (wait.revents & POLLIN) != 0)
      while (auto event = read(AmqpClock::now())) early_.push_back(*std::move(event));
    if (!blocked_.empty()) throw Error(Errc::unavailable, blocked_);
    if (ready > 0 && (wait.revents & POLLOUT) != 0) return;
    if (ready > 0 && (wait.revents & (POLLERR | POLLHUP)) != 0)
      throw Error(Errc::unavailable, peer_ + " broke off");
  }
}

void AmqpConnection::write_frame(const amqp_frame_t& frame, AmqpClock::time_point deadline) {
  wait_for_room(deadline);
  check_status(amqp_send_frame(state_.get(), &frame));
}

void AmqpConnection::write_large(const PublishParameters& message,
                                 const amqp_basic_properties_t& properties,
                                 AmqpClock::time_point deadline) {
  amqp_basic_publish_t publish{};
  publish.exchange = bytes_of(message.exchange);
  publish.routing_key = bytes_of(message.routing_key);
  publish.mandatory = 1;
  amqp_frame_t frame{};
  frame.channel = channel;
  frame.frame_type = AMQP_FRAME_METHOD;
  frame.payload.method.id = AMQP_BASIC_PUBLISH_METHOD;
  frame.payload.method.decoded = &publish;
  write_frame(frame, deadline);

  frame.frame_type = AMQP_FRAME_HEADER;
  frame.payload.properties.class_id = AMQP_BASIC_CLASS;
  frame.payload.properties.body_size = message.body.size;
  frame.payload.properties.decoded = const_cast<amqp_basic_properties_t*>(&properties);
  write_frame(frame, deadline);

  frame.frame_type = AMQP_FRAME_BODY;
  for (size_t at = 0; at < message.body.size; at += piece) {
    const size_t size = std::min(piece, message.body.size - at);
    frame.payload.body_fragment = {size, const_cast<char*>(message.body.data) + at};
    write_frame(frame, deadline);
  }
}

void AmqpConnection::write(const PublishParameters& message, AmqpClock::time_point deadline) {
  const Properties properties(message);
  if (message.body.size > small_body) return write_large(message, properties.fields, deadline);
  wait_for_room(deadline);
  check_status(amqp_basic_publish(state_.get(), channel, bytes_of(message.exchange),
                                  bytes_of(message.routing_key), 1, 0, &properties.fields,
                                  bytes_of(message.body)));
}

std::optional<AmqpConnection::Event> AmqpConnection::receive(AmqpClock::time_point deadline) {
  if (early_.empty()) return read(deadline);
  auto event = std::move(early_.front());
  early_.pop_front();
  return event;
}

std::optional<AmqpConnection::Event> AmqpConnection::read(AmqpClock::time_point deadline) {
  for (;;) {
    amqp_frame_t frame{};
    const timeval left = until(deadline);
    const int status = amqp_simple_wait_frame_noblock(state_.get(), &frame, &left);
    if (status == AMQP_STATUS_TIMEOUT) return std::nullopt;
    check_status(status);
    auto event = handle(frame);
    amqp_maybe_release_buffers(state_.get());
    if (event) return event;
  }
}

std::optional<AmqpConnection::Event> AmqpConnection::handle(const amqp_frame_t& frame) {
  if (frame.frame_type == AMQP_FRAME_METHOD) return handle_method(frame);
  if (!returned_) return std::nullopt;
  if (frame.frame_type == AMQP_FRAME_HEADER) {
    const auto* properties =
        static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded);
    if ((properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) != 0)
      returned_->message_id = text_of(properties->message_id);
    returned_left_ = frame.payload.properties.body_size;
  } else if (frame.frame_type == AMQP_FRAME_BODY) {
    returned_left_ -= std::min<uint64_t>(returned_left_, frame.payload.body_fragment.len);
  }
  return returned_left_ == 0 ? std::exchange(returned_, std::nullopt) : std::nullopt;
}

void AmqpConnection::handle_control(const amqp_method_t& method) {
  switch (method.id) {
    case AMQP_CONNECTION_BLOCKED_METHOD:
      blocked_ = peer_ + " takes no messages now: " +
                 text_of(static_cast<const amqp_connection_blocked_t*>(method.decoded)->reason);
      return;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      blocked_.clear();
      return;
    case AMQP_CONNECTION_CLOSE_METHOD: {
      const auto* closed = static_cast<const amqp_connection_close_t*>(method.decoded);
      amqp_connection_close_ok_t done{};
      amqp_send_method(state_.get(), 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &done);
      fail_closed(closed->reply_code, closed->reply_text, "connection");
    }
    default:
      return;
  }
}

std::optional<AmqpConnection::Event> AmqpConnection::handle_method(const amqp_frame_t& frame) {
  const amqp_method_t& method = frame.payload.method;
  if (frame.channel == 0) {
    handle_control(method);
    return std::nullopt;
  }
  if (frame.channel != channel) return std::nullopt;
  switch (method.id) {
    case AMQP_BASIC_ACK_METHOD: {
      const auto* ack = static_cast<const amqp_basic_ack_t*>(method.decoded);
      return Event{Event::Type::acknowledged, ack->delivery_tag, ack->multiple != 0, 0, "", ""};
    }
    case AMQP_BASIC_NACK_METHOD: {
      const auto* nack = static_cast<const amqp_basic_nack_t*>(method.decoded);
      return Event{Event::Type::rejected, nack->delivery_tag, nack->multiple != 0, 0, "", ""};
    }
    case AMQP_BASIC_RETURN_METHOD: {
      const auto* back = static_cast<const amqp_basic_return_t*>(method.decoded);
      returned_ =
          Event{Event::Type::returned, 0, false, back->reply_code, text_of(back->reply_text), ""};
      // Until its header has come, there is something left.
      returned_left_ = 1;
      return std::nullopt;
    }
    case AMQP_CHANNEL_CLOSE_METHOD: {
      const auto* closed = static_cast<const amqp_channel_close_t*>(method.decoded);
      fail_closed(closed->reply_code, closed->reply_text, "channel");
    }
    default:
      return std::nullopt;
  }
}

void AmqpConnection::close() {
  limit(AmqpClock::now() + goodbye);
  amqp_connection_close(state_.get(), AMQP_REPLY_SUCCESS);
}

}  // namespace jetpack::session
