// Opens a connection to an AMQP broker: name, TCP, TLS, login and channel.
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cerrno>

#include "services/http/certificate.hpp"
#include "services/session/amqp_values.hpp"
#include "services/session/sockets.hpp"
#include "support/files.hpp"

namespace jetpack::session {

namespace {

constexpr int frame_max = 128 << 10;
constexpr int heartbeat_s = 60;

int name_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool is_numeric(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

amqp_table_entry_t flag(const char* name) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(name);
  entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  entry.value.value.boolean = 1;
  return entry;
}

}  // namespace

// The library does not let the name be set that is asked for (SNI) when it connects to a numeric
// address.
void AmqpConnection::set_server_name(const SSL* ssl, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_START) == 0) return;
  auto* name = static_cast<std::string*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), name_index()));
  // The callback gets its own connection as const, before anything was sent on it.
  if (name != nullptr)
    SSL_set_tlsext_host_name(const_cast<SSL*>(ssl), name->empty() ? nullptr : name->data());
}

void AmqpConnection::prepare_tls(amqp_socket_t* socket, const node::BrokerAddress& address,
                                 Verification& verification) {
  auto* context = static_cast<SSL_CTX*>(amqp_ssl_socket_get_context(socket));
  const bool is_address = is_numeric(address.host);
  verification.server_name = is_address ? "" : address.host;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_ex_data(context, name_index(), &verification.server_name);
  SSL_CTX_set_info_callback(context, &set_server_name);
  // The check of the name that comes with the library knows no addresses; OpenSSL's does.
  amqp_ssl_socket_set_verify_hostname(socket, 0);
  amqp_ssl_socket_set_verify_peer(socket, address.verify ? 1 : 0);
  SSL_CTX_set_verify(context, address.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!address.verify) return;
  verification.problem.watch(context);
  http::trust_authorities(context, address.ca_file);
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  const int done = is_address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, address.host.c_str())
                              : X509_VERIFY_PARAM_set1_host(wanted, address.host.c_str(), 0);
  if (done != 1)
    throw Error(Errc::internal, "failed to set the broker's name for the check of its certificate");
}

AmqpConnection::AmqpConnection(const node::BrokerAddress& address, AmqpClock::time_point deadline)
    : peer_("the broker at " + address.text()),
      verification_(std::make_unique<Verification>()),
      state_(amqp_new_connection()) {
  if (!state_) throw Error(Errc::unavailable, "out of memory for a connection");
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
    if (socket == nullptr) throw Error(Errc::unavailable, "out of memory for a connection");
    if (address.is_tls) prepare_tls(socket, address, *verification_);
    timeval left = until(deadline);
    const int status =
        amqp_socket_open_noblock(socket, hosts[i].c_str(), static_cast<int>(address.port), &left);
    if (status == AMQP_STATUS_OK) return;
    if (verification_->problem.verdict != X509_V_OK)
      throw Error(Errc::denied,
                  peer_ + ' ' +
                      verification_->problem.text(
                          "", "set [broker] ca_file to its CA, or skip_ssl_validation"));
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

}  // namespace jetpack::session
