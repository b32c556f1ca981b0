// An HTTP listener, with TLS or without, whose every connection has deadlines.
#include "common/listener.hpp"

#include <openssl/ssl.h>

#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServerConnection.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLManager.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/ThreadPool.h>

#include <jetpack/error.hpp>

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

constexpr int max_waiting_connections = 256;
constexpr std::chrono::seconds stop_grace{2};
constexpr int idle_seconds = 10;
constexpr int send_seconds = 15;

// Poco takes ownership of what its factories return.

class HandlerFactory : public net::HTTPRequestHandlerFactory {
 public:
  HandlerFactory(const MakeHandler& make, std::shared_ptr<Connections::Lease> lease)
      : make_(make), lease_(std::move(lease)) {}

  net::HTTPRequestHandler* createRequestHandler(const net::HTTPServerRequest&) override {
    return make_(lease_).release();
  }

 private:
  const MakeHandler& make_;
  std::shared_ptr<Connections::Lease> lease_;
};

net::HTTPServerParams::Ptr server_parameters(int most_threads) {
  net::HTTPServerParams::Ptr parameters(new net::HTTPServerParams);  // only Poco may delete it
  parameters->setMaxThreads(most_threads);
  parameters->setMaxQueued(max_waiting_connections);
  parameters->setTimeout(Poco::Timespan(idle_seconds, 0));
  parameters->setKeepAlive(true);
  parameters->setKeepAliveTimeout(Poco::Timespan(idle_seconds, 0));
  return parameters;
}

class ConnectionFactory : public net::TCPServerConnectionFactory {
 public:
  ConnectionFactory(Connections& connections, const MakeHandler& make, int most_threads)
      : connections_(connections), make_(make), parameters_(server_parameters(most_threads)) {}

  net::TCPServerConnection* createConnection(const net::StreamSocket& accepted) override {
    net::StreamSocket socket(accepted);
    socket.setReceiveTimeout(Poco::Timespan(idle_seconds, 0));
    socket.setSendTimeout(Poco::Timespan(send_seconds, 0));
    socket.setNoDelay(true);
    auto lease = std::make_shared<Connections::Lease>(connections_, socket.impl()->sockfd());
    lease->idle(request_time);
    const net::HTTPRequestHandlerFactory::Ptr exchanges(
        std::make_unique<HandlerFactory>(make_, std::move(lease)).release());
    return std::make_unique<net::HTTPServerConnection>(socket, parameters_, exchanges).release();
  }

 private:
  Connections& connections_;
  const MakeHandler& make_;
  net::HTTPServerParams::Ptr parameters_;
};

net::Context::Ptr make_context(const std::filesystem::path& certificate) {
  net::initializeSSL();
  net::Context::Params params;
  params.privateKeyFile = certificate.string();
  params.certificateFile = certificate.string();
  params.verificationMode = net::Context::VERIFY_NONE;
  net::Context::Ptr context(
      std::make_unique<net::Context>(net::Context::TLS_SERVER_USE, params).release());
  context->requireMinimumProtocol(net::Context::PROTO_TLSV1_2);
  context->enableSessionCache(true, "jetpack hub");
  SSL_CTX_set_options(context->sslContext(), SSL_OP_NO_RENEGOTIATION);
  return context;
}

net::SocketAddress parse_address(const std::string& listen) {
  try {
    return net::SocketAddress(listen);
  } catch (const Poco::Exception&) {
    throw Error(Errc::usage,
                "cannot listen on '" + listen + "': expected HOST:PORT with a known host");
  }
}

net::ServerSocket server_socket(const std::filesystem::path& certificate) {
  if (certificate.empty()) return {};
  // Both are handles of one implementation: NOLINTNEXTLINE(cppcoreguidelines-slicing)
  return net::SecureServerSocket(make_context(certificate));
}

net::ServerSocket listen_on(const std::string& listen, const std::filesystem::path& certificate,
                            const char* option) {
  const net::SocketAddress address = parse_address(listen);
  net::ServerSocket socket = server_socket(certificate);
  try {
    // Never SO_REUSEPORT: two hubs must not share a port unknowingly.
    socket.bind(address, true, false);
    socket.listen(max_waiting_connections);
  } catch (const Poco::Exception& e) {
    throw Error(Errc::unavailable, "cannot listen on " + address.toString() + ": " +
                                       e.displayText() + "\nChoose a free address with " + option);
  }
  return socket;
}

}  // namespace

class Listener::Impl {
 public:
  Impl(const std::string& listen, const std::filesystem::path& certificate, const char* option,
       int most_threads, MakeHandler make)
      : make_(std::move(make)),
        socket_(listen_on(listen, certificate, option)),
        pool_(2, most_threads + 2),
        server_(std::make_unique<ConnectionFactory>(connections_, make_, most_threads).release(),
                pool_, socket_, server_parameters(most_threads)) {
    server_.start();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    stop();
    drain();
  }

  uint16_t port() const { return socket_.address().port(); }

  void stop() { server_.stop(); }

  void drain() {
    connections_.drain(stop_grace);
    pool_.joinAll();
  }

 private:
  MakeHandler make_;
  Connections connections_;
  net::ServerSocket socket_;
  Poco::ThreadPool pool_;
  net::TCPServer server_;
};

Listener::Listener(const std::string& listen, const std::filesystem::path& certificate,
                   const char* option, int most_threads, MakeHandler make)
    : impl_(std::make_unique<Impl>(listen, certificate, option, most_threads, std::move(make))) {}

Listener::~Listener() = default;

uint16_t Listener::port() const { return impl_->port(); }
void Listener::stop() { impl_->stop(); }
void Listener::drain() { impl_->drain(); }

}  // namespace jetpack::hub
