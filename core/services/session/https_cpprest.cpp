// The HTTPS transport: one exchange with a server that may do anything, within a deadline and a
// bound on memory. A module of its own, so that OpenSSL is mapped only when something is sent.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>

#include <cpprest/http_client.h>
#include <openssl/evp.h>
#include <pplx/threadpool.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>

#include <jetpack/error.hpp>
#include "services/http/retry_after.hpp"
#include "services/session/https_module.hpp"
#include "services/session/sockets.hpp"
#include "support/files.hpp"
#include "support/url.hpp"

namespace jetpack::session {

namespace {

namespace http = web::http;
using boost::asio::ip::tcp;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using TlsStream = boost::asio::ssl::stream<tcp::socket&>;

// How often a running exchange is looked at, beside its end.
constexpr milliseconds watch_interval{25};
// How long a broken-off exchange may take to notice.
constexpr milliseconds grace{250};
// What headers, chunk marks and TLS may add to a body.
constexpr uint64_t overhead = 1 << 20;

// At the process's end, before what the loop uses is destroyed: an exchange that was broken off may
// still be in the middle of a long step, such as reading certificates.
void end_loop() {
  auto& service = crossplat::threadpool::shared_instance().service();
  std::promise<void> ended;
  boost::asio::post(service, [&] {
    service.stop();
    ended.set_value();
  });
  ended.get_future().wait();
}

// One thread runs all that the HTTP library does, so that breaking an exchange off, which is posted
// to it, never meets the exchange in the middle of a step. To be called before the library is used.
boost::asio::io_service& loop() {
  static const bool is_ready = [] {
    // First, so that it is cleaned up last.
    OPENSSL_init_ssl(0, nullptr);
    try {
      crossplat::threadpool::initialize_with_threads(1);
    } catch (const std::exception&) {
      // Another module of this process has started it already.
    }
    return std::atexit(&end_loop) == 0;
  }();
  static_cast<void>(is_ready);
  return crossplat::threadpool::shared_instance().service();
}

// The connection underneath the HTTP library, which bounds neither headers nor chunks: what came in
// over the wire is counted here instead.
class Wire {
 public:
  // In the loop: a connection was made ready; `stream` lives as long as the exchange on it.
  void attach(void* stream, bool is_tls) {
    stream_ = stream;
    is_tls_ = is_tls;
  }

  // In the loop, while the connection is up: starts counting.
  void start_counting() {
    if (stream_ == nullptr) return;
    auto& socket = is_tls_ ? static_cast<TlsStream*>(stream_)->next_layer()
                           : *static_cast<tcp::socket*>(stream_);
    const std::lock_guard lock(mutex_);
    // A duplicate, because the library may close its own at any time.
    fd_ = support::Fd(::fcntl(socket.native_handle(), F_DUPFD_CLOEXEC, 0));
    start_ = bytes_received(fd_.get());
  }

  uint64_t received() const {
    const std::lock_guard lock(mutex_);
    return fd_ ? bytes_received(fd_.get()) - start_ : 0;
  }

  void note_tls_failure(long verify_result) { verify_result_ = verify_result; }
  long verify_result() const { return verify_result_; }

 private:
  void* stream_ = nullptr;
  bool is_tls_ = false;
  std::atomic<long> verify_result_{X509_V_OK};
  mutable std::mutex mutex_;
  support::Fd fd_;
  uint64_t start_ = 0;
};

int wire_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void watch_handshake(const SSL* ssl, int where, int result) {
  if ((where & SSL_CB_EXIT) == 0 || result > 0) return;
  const long verdict = SSL_get_verify_result(ssl);
  if (verdict == X509_V_OK) return;
  auto* wire = static_cast<Wire*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), wire_index()));
  if (wire != nullptr) wire->note_tls_failure(verdict);
}

void prepare_tls(boost::asio::ssl::context& context, Wire& wire, const std::string& ca_file) {
  context.set_options(boost::asio::ssl::context::no_tlsv1 | boost::asio::ssl::context::no_tlsv1_1);
  SSL_CTX_set_ex_data(context.native_handle(), wire_index(), &wire);
  SSL_CTX_set_info_callback(context.native_handle(), &watch_handshake);
  if (ca_file.empty()) return;
  boost::system::error_code error;
  context.load_verify_file(ca_file, error);
  if (error)
    throw Error(Errc::corrupt, "cannot read certificates from " + ca_file + ": " + error.message() +
                                   "; it must be a PEM file");
}

// What both threads see of one exchange.
struct Running {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_done = false;
  std::exception_ptr failure;
  http::http_response response;
  std::vector<unsigned char> body;
  pplx::cancellation_token_source cancel;

  void finish(std::exception_ptr why) {
    const std::lock_guard lock(mutex);
    failure = std::move(why);
    is_done = true;
    changed.notify_all();
  }
};

struct TooLong {};

class HttpsClient {
 public:
  explicit HttpsClient(const ServerParameters& server)
      : url_(parse_url(detail::view(server.url), "the session")),
        authorization_(basic(detail::view(server.username), detail::view(server.password))),
        ca_file_(detail::view(server.ca_file)),
        proxy_(detail::view(server.proxy)),
        verify_(server.verify != 0) {
    if (url_.host.find(':') != std::string::npos)
      throw Error(Errc::unsupported, "the server's address " + url_.text() +
                                         " is an IPv6 address; give the server a host name");
    loop();
  }

  http::http_response exchange(const RequestParameters& exchange, std::vector<unsigned char>& body);

 private:
  enum class End { answered, too_late, too_long };

  static std::string basic(std::string_view user, std::string_view password) {
    const std::string pair = std::string(user) + ':' + std::string(password);
    return "Basic " + utility::conversions::to_base64({pair.begin(), pair.end()});
  }

  void connect_to(const std::string& address);
  http::client::http_client_config settings(const std::string& proxy_address);
  http::http_request request_for(const RequestParameters& exchange) const;
  std::shared_ptr<Running> start(const RequestParameters& exchange);
  End wait(Running& running, uint64_t max_reply, Clock::time_point deadline) const;
  [[noreturn]] void explain(const Running& running, const std::string& address) const;
  std::string peer() const { return "the server at " + url_.text(); }

  Url url_;
  std::string authorization_;
  std::string ca_file_;
  std::string proxy_;
  bool verify_;
  std::shared_ptr<Wire> wire_;
  std::string address_;  // of the connection that client_ holds
  std::unique_ptr<http::client::http_client> client_;
};

// Thrown inside when nothing was sent, so that the next address may be tried.
class Unreachable : public Error {
  using Error::Error;
};

std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos ? address : '[' + address + ']';
}

http::client::http_client_config HttpsClient::settings(const std::string& proxy_address) {
  http::client::http_client_config config;
  config.set_validate_certificates(verify_);
  config.set_max_redirects(0);
  // The deadline is ours; the library's restarts with every byte.
  config.set_timeout(std::chrono::hours(1));
  if (!proxy_address.empty()) config.set_proxy(web::web_proxy(web::uri(proxy_address)));
  // These hold what they use: an exchange that was broken off may outlive this client.
  config.set_ssl_context_callback(
      [wire = wire_, ca = verify_ ? ca_file_ : ""](boost::asio::ssl::context& context) {
        prepare_tls(context, *wire, ca);
      });
  // Of several addresses the library would take the next without telling the wire.
  const bool is_tls = url_.scheme == "https" && proxy_address.empty();
  if (is_ipv4(address_))
    config.set_nativehandle_options(
        [wire = wire_, is_tls](void* stream) { wire->attach(stream, is_tls); });
  return config;
}

void HttpsClient::connect_to(const std::string& address) {
  // Through a proxy the library hands out another kind of handle for a connection that is used
  // again, so it gets a new one for each exchange.
  if (client_ && address == address_ && proxy_.empty()) return;
  wire_ = std::make_shared<Wire>();
  address_ = address;
  Url target = url_;
  std::string proxy_address;
  if (proxy_.empty()) {
    target.host = address;
  } else {
    Url proxy = parse_url(proxy_, "the session");
    proxy_address = "http://" + bracketed(address) + ':' + std::to_string(proxy.port);
  }
  client_ =
      std::make_unique<http::client::http_client>(web::uri(target.text()), settings(proxy_address));
}

http::http_request HttpsClient::request_for(const RequestParameters& exchange) const {
  http::http_request request{std::string(detail::view(exchange.method))};
  request.set_request_uri(web::uri(std::string(detail::view(exchange.path))));
  request.headers().add("Authorization", authorization_);
  request.headers().add("Accept", "application/json, */*");
  request.headers().add("User-Agent", "jetpack");
  // The library takes the name to check and to ask for (SNI) from here, so no port may follow.
  if (proxy_.empty())
    request.headers().add("Host", url_.scheme == "https" ? url_.host : url_.authority());
  for (size_t i = 0; i < exchange.header_count; ++i)
    request.headers().add(std::string(detail::view(exchange.headers[i].name)),
                          std::string(detail::view(exchange.headers[i].value)));
  if (exchange.body.size > 0) {
    const auto body = detail::view(exchange.body);
    request.set_body(std::vector<unsigned char>(body.begin(), body.end()));
    request.headers().set_content_type(std::string(detail::view(exchange.content_type)));
  }
  request.set_progress_handler([wire = wire_, max = exchange.max_reply](
                                   http::message_direction::direction way, uint64_t bytes) {
    if (way == http::message_direction::upload) wire->start_counting();
    if (way == http::message_direction::download && bytes > max) throw TooLong{};
  });
  return request;
}

std::shared_ptr<Running> HttpsClient::start(const RequestParameters& exchange) {
  auto running = std::make_shared<Running>();
  const auto request = request_for(exchange);
  boost::asio::post(loop(), [client = *client_, request, running]() mutable {
    try {
      client.request(request, running->cancel.get_token())
          .then([running](const http::http_response& response) {
            running->response = response;
            return response.content_ready();
          })
          .then([](const http::http_response& response) { return response.extract_vector(); })
          .then([running](const pplx::task<std::vector<unsigned char>>& all) {
            try {
              running->body = all.get();
              running->finish(nullptr);
            } catch (...) {
              running->finish(std::current_exception());
            }
          });
    } catch (...) {
      running->finish(std::current_exception());
    }
  });
  return running;
}

HttpsClient::End HttpsClient::wait(Running& running, uint64_t max_reply,
                                   Clock::time_point deadline) const {
  std::unique_lock lock(running.mutex);
  End end = End::answered;
  while (!running.is_done && end == End::answered) {
    running.changed.wait_until(lock, std::min(deadline, Clock::now() + watch_interval));
    if (running.is_done) break;
    if (Clock::now() >= deadline) end = End::too_late;
    if (wire_->received() > max_reply + max_reply / 8 + overhead) end = End::too_long;
  }
  if (end == End::answered) return end;
  boost::asio::post(loop(), [cancel = running.cancel] { cancel.cancel(); });
  running.changed.wait_for(lock, grace, [&] { return running.is_done; });
  return end;
}

http::http_response HttpsClient::exchange(const RequestParameters& exchange,
                                          std::vector<unsigned char>& body) {
  const auto deadline = Clock::now() + milliseconds{exchange.timeout_ms};
  const std::string host = proxy_.empty() ? url_.host : parse_url(proxy_, "the session").host;
  auto addresses = resolve(host, deadline);
  // First the one that answered before.
  std::stable_partition(addresses.begin(), addresses.end(),
                        [&](const auto& a) { return a == address_; });
  for (size_t i = 0;; ++i) {
    connect_to(addresses[i]);
    const auto running = start(exchange);
    const End end = wait(*running, exchange.max_reply, deadline);
    if (end == End::answered && !running->failure) {
      body = std::move(running->body);
      return running->response;
    }
    client_.reset();
    if (end == End::too_late)
      throw Error(Errc::unavailable,
                  peer() + " did not answer within " + std::to_string(exchange.timeout_ms) + " ms");
    if (end == End::too_long)
      throw Error(Errc::unavailable,
                  peer() + " answered more than " + std::to_string(exchange.max_reply) + " bytes");
    try {
      explain(*running, addresses[i]);
    } catch (const Unreachable&) {
      if (i + 1 == addresses.size() || Clock::now() >= deadline) throw;
    } catch (const TooLong&) {
      throw Error(Errc::unavailable,
                  peer() + " answered more than " + std::to_string(exchange.max_reply) + " bytes");
    }
  }
}

// Throws what the library found as an error for a person.
void HttpsClient::explain(const Running& running, const std::string& address) const {
  try {
    std::rethrow_exception(running.failure);
  } catch (const http::http_exception& e) {
    const std::string_view what = e.what();
    if (what.starts_with("Failed to connect")) {
      const unsigned port = proxy_.empty() ? url_.port : parse_url(proxy_, "the session").port;
      const std::string to = proxy_.empty() ? peer() : "the proxy " + proxy_;
      const std::string why = why_unreachable(address, port);
      if (why == support::system_message(ECONNREFUSED))
        throw Unreachable(Errc::unavailable, to + " refused the connection");
      throw Unreachable(Errc::unavailable,
                        to + " cannot be reached" + (why.empty() ? "" : ": " + why));
    }
    if (const long verdict = wire_->verify_result(); verdict != X509_V_OK && verify_)
      throw Error(Errc::denied,
                  peer() + " has a certificate that is not trusted: " +
                      (verdict == X509_V_ERR_UNSPECIFIED ? "it is for another host"
                                                         : X509_verify_cert_error_string(verdict)) +
                      "; put its CA into config/ca.pem, or set skip_ssl_validation");
    if (what.starts_with("Error in SSL handshake"))
      throw Error(Errc::unavailable,
                  peer() + " did not complete the TLS handshake; is it an https port?");
    throw Error(Errc::unavailable, peer() + " broke off: " + std::string(what));
  } catch (const TooLong&) {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    throw Error(Errc::unavailable, peer() + " gave no usable answer: " + e.what());
  }
}

std::string header_of(const http::http_response& response, const char* name) {
  const auto header = response.headers().find(name);
  return header == response.headers().end() ? std::string() : header->second;
}

int64_t retry_after_of(const http::http_response& response) {
  const auto asked = retry_after(header_of(response, "Retry-After"), header_of(response, "Date"),
                                 std::chrono::system_clock::now());
  return asked ? int64_t{asked->count()} : -1;
}

int32_t open(const ServerParameters* server, void** self, jp_error* err) noexcept {
  return detail::guard(err, [&] { *self = std::make_unique<HttpsClient>(*server).release(); });
}

int32_t exchange(void* self, const RequestParameters* exchange, ResponseParameters* answer,
                 jp_sink sink, jp_error* err) noexcept {
  return detail::guard(err, [&] {
    std::vector<unsigned char> body;
    const auto response = static_cast<HttpsClient*>(self)->exchange(*exchange, body);
    if (sink.write(sink.ctx, reinterpret_cast<const char*>(body.data()), body.size()) != 0)
      throw Error(Errc::failed, "the caller did not take the answer");
    answer->status = response.status_code();
    answer->retry_after_s = retry_after_of(response);
  });
}

void close(void* self) noexcept {
  const std::unique_ptr<HttpsClient> owner(static_cast<HttpsClient*>(self));
}

int32_t sha256(jp_str text, jp_sink sink, jp_error* err) noexcept {
  return detail::guard(err, [&] {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(text.data, text.size, digest, &size, EVP_sha256(), nullptr) != 1)
      throw Error(Errc::failed, "OpenSSL offers no SHA-256");
    constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (unsigned i = 0; i < size; ++i) hex += {digits[digest[i] >> 4], digits[digest[i] & 15]};
    if (sink.write(sink.ctx, hex.data(), hex.size()) != 0)
      throw Error(Errc::failed, "the caller did not take the digest");
  });
}

}  // namespace

}  // namespace jetpack::session

extern "C" JP_EXPORT constexpr jetpack::session::HttpsModule jetpack_transport_v1 = {
    sizeof(jetpack::session::HttpsModule),
    0,
    &jetpack::session::open,
    &jetpack::session::exchange,
    &jetpack::session::close,
    &jetpack::session::sha256};
