// Connections to the server with cpprestsdk, for builds with -Dhttp_client=cpprest. The library is
// no longer maintained; it bounds neither headers nor chunks and does not connect to IPv6
// addresses.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <mutex>

#include <cpprest/http_client.h>
#include <openssl/ssl.h>
#include <pplx/threadpool.h>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>

#include <jetpack/boundary.hpp>
#include "services/node/proxy.hpp"
#include "services/session/https_connection.hpp"
#include "support/url.hpp"

namespace jetpack::session {

namespace {

namespace rest = web::http;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// How long an exchange that was cancelled may take to notice.
constexpr milliseconds grace{250};

// At the process's end, before what the loop uses is destroyed: an exchange that was cancelled may
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

// One thread runs all that the library does, so that cancelling an exchange, which is posted to it,
// never meets the exchange in the middle of a step. To be called before the library is used.
boost::asio::io_service& loop() {
  static const bool is_ready = [] {
    // First, so that it is cleaned up last.
    OPENSSL_init_ssl(0, nullptr);
    crossplat::threadpool::initialize_with_threads(1);
    return std::atexit(&end_loop) == 0;
  }();
  static_cast<void>(is_ready);
  return crossplat::threadpool::shared_instance().service();
}

// Why the last handshake failed; X509_V_OK when it did not. The library does not tell.
using Verdict = std::atomic<long>;

int verdict_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void watch_handshake(const SSL* ssl, int where, int result) {
  if ((where & SSL_CB_EXIT) == 0 || result > 0) return;
  if (const long found = SSL_get_verify_result(ssl); found != X509_V_OK)
    *static_cast<Verdict*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), verdict_index())) = found;
}

void prepare_tls(boost::asio::ssl::context& context, Verdict& verdict, const std::string& ca_file) {
  context.set_options(boost::asio::ssl::context::no_tlsv1 | boost::asio::ssl::context::no_tlsv1_1);
  SSL_CTX_set_ex_data(context.native_handle(), verdict_index(), &verdict);
  SSL_CTX_set_info_callback(context.native_handle(), &watch_handshake);
  boost::system::error_code error;
  if (!ca_file.empty()) context.load_verify_file(ca_file, error);
  if (error)
    throw Error(Errc::corrupt,
                "cannot read certificates from " + ca_file + "; it must be a PEM file");
}

// What both threads see of one exchange.
struct Running {
  std::promise<void> done;
  rest::http_response response;
  std::vector<unsigned char> body;
  pplx::cancellation_token_source cancel;
};

struct TooLong {};

class RestConnection : public HttpsConnection {
 public:
  explicit RestConnection(const ServerParameters& server)
      : url_(support::parse_url(boundary::view(server.url), "the server's address")),
        authorization_(basic_authorization(server)),
        ca_file_(boundary::view(server.ca_file)),
        proxy_(boundary::view(server.proxy)),
        verify_(server.verify != 0) {
    if (url_.host.find(':') != std::string::npos)
      throw Error(Errc::unsupported, peer() +
                                         " has an IPv6 address, which this build of jetpack "
                                         "does not support; give the server a host name");
    loop();
  }

  HttpsResponse exchange(const RequestParameters& parameters) override;

 private:
  void connect();
  rest::http_request request_for(const RequestParameters& parameters) const;
  std::future<void> start(const rest::http_request& request, std::shared_ptr<Running> running);
  [[noreturn]] void explain(const std::string& what) const;
  std::string peer() const { return "the server at " + url_.text(); }

  support::Url url_;
  std::string authorization_;
  std::string ca_file_;
  std::string proxy_;
  bool verify_;
  std::shared_ptr<Verdict> verdict_;
  std::unique_ptr<rest::client::http_client> client_;
};

void RestConnection::connect() {
  if (client_) return;
  verdict_ = std::make_shared<Verdict>(X509_V_OK);
  rest::client::http_client_config config;
  config.set_validate_certificates(verify_);
  config.set_max_redirects(0);
  // The deadline is ours; the library's restarts with every byte.
  config.set_timeout(std::chrono::hours(1));
  if (!proxy_.empty())
    config.set_proxy(web::web_proxy(web::uri(node::without_credentials(proxy_))));
  // It holds what it uses: an exchange that was cancelled may outlive this object.
  config.set_ssl_context_callback(
      [verdict = verdict_, ca = verify_ ? ca_file_ : ""](boost::asio::ssl::context& context) {
        prepare_tls(context, *verdict, ca);
      });
  client_ = std::make_unique<rest::client::http_client>(web::uri(url_.text()), config);
}

rest::http_request RestConnection::request_for(const RequestParameters& parameters) const {
  rest::http_request request{std::string(boundary::view(parameters.method))};
  request.set_request_uri(web::uri(std::string(boundary::view(parameters.path))));
  if (!authorization_.empty()) request.headers().add("Authorization", authorization_);
  request.headers().add("Accept", "application/json, */*");
  request.headers().add("User-Agent", "jetpack/" JETPACK_VERSION);
  for (size_t i = 0; i < parameters.header_count; ++i)
    request.headers().add(std::string(boundary::view(parameters.headers[i].name)),
                          std::string(boundary::view(parameters.headers[i].value)));
  if (parameters.body.size > 0) {
    const auto body = boundary::view(parameters.body);
    request.set_body(std::vector<unsigned char>(body.begin(), body.end()));
    request.headers().set_content_type(std::string(boundary::view(parameters.content_type)));
  }
  request.set_progress_handler(
      [max = parameters.max_reply](rest::message_direction::direction way, uint64_t bytes) {
        if (way == rest::message_direction::download && bytes > max) throw TooLong{};
      });
  return request;
}

std::future<void> RestConnection::start(const rest::http_request& request,
                                        std::shared_ptr<Running> running) {
  auto done = running->done.get_future();
  boost::asio::post(loop(), [client = *client_, request, running]() mutable {
    try {
      client.request(request, running->cancel.get_token())
          .then([running](const rest::http_response& response) {
            running->response = response;
            return response.extract_vector();
          })
          .then([running](const pplx::task<std::vector<unsigned char>>& all) {
            try {
              running->body = all.get();
              running->done.set_value();
            } catch (...) {
              running->done.set_exception(std::current_exception());
            }
          });
    } catch (...) {
      running->done.set_exception(std::current_exception());
    }
  });
  return done;
}

// Throws what the library found as an error for an administrator.
void RestConnection::explain(const std::string& what) const {
  if (what.starts_with("Error resolving address"))
    throw Error(Errc::unavailable,
                peer() + " cannot be reached: its host name could not be resolved");
  if (what.starts_with("Failed to connect"))
    throw Error(
        Errc::unavailable,
        peer() + " refused the connection or cannot be reached" +
            (proxy_.empty() ? "" : " through the proxy " + node::without_credentials(proxy_)));
  if (const long verdict = *verdict_; verdict != X509_V_OK && verify_)
    throw Error(Errc::denied,
                peer() + " has a certificate that is not trusted: " +
                    (verdict == X509_V_ERR_UNSPECIFIED ? "it is for another host"
                                                       : X509_verify_cert_error_string(verdict)) +
                    "; put its CA into config/ca.pem, or set skip_ssl_validation");
  if (what.starts_with("Error in SSL handshake"))
    throw Error(Errc::unavailable,
                peer() + " did not complete the TLS handshake; is it an https port?");
  throw Error(Errc::unavailable,
              peer() + " closed the connection before its answer was complete: " + what);
}

HttpsResponse RestConnection::exchange(const RequestParameters& parameters) {
  connect();
  auto running = std::make_shared<Running>();
  auto done = start(request_for(parameters), running);
  if (done.wait_for(milliseconds{parameters.timeout_ms}) != std::future_status::ready) {
    boost::asio::post(loop(), [cancel = running->cancel] { cancel.cancel(); });
    done.wait_for(grace);
    client_.reset();
    throw Error(Errc::unavailable,
                peer() + " did not answer within " + std::to_string(parameters.timeout_ms) + " ms");
  }
  try {
    done.get();
  } catch (const TooLong&) {
    client_.reset();
    throw Error(Errc::unavailable,
                peer() + " answered more than " + std::to_string(parameters.max_reply) + " bytes");
  } catch (const Error&) {
    client_.reset();
    throw;
  } catch (const std::exception& e) {
    client_.reset();
    explain(e.what());
  }
  const auto header = [&](const char* name) {
    const auto found = running->response.headers().find(name);
    return found == running->response.headers().end() ? std::string() : found->second;
  };
  return {running->response.status_code(), header("Retry-After"), header("Date"),
          std::string(running->body.begin(), running->body.end())};
}

}  // namespace

std::unique_ptr<HttpsConnection> open_connection(const ServerParameters& server) {
  return std::make_unique<RestConnection>(server);
}

}  // namespace jetpack::session
