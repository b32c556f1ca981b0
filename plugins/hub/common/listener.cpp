// An HTTP listener, with TLS or without: one thread waits for all clients, others handle requests.
#include "common/listener.hpp"

#include <openssl/ssl.h>

#include <chrono>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/SSLManager.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketImpl.h>

#include <jetpack/error.hpp>
#include "common/event_loop.hpp"
#include "common/workers.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

constexpr int max_backlog = 4096;
constexpr std::chrono::seconds stop_grace{2};

net::Context::Ptr make_context(ServedCertificate& certificate) {
  net::initializeSSL();
  net::Context::Params params;
  params.verificationMode = net::Context::VERIFY_NONE;
  net::Context::Ptr context(
      std::make_unique<net::Context>(net::Context::TLS_SERVER_USE, params).release());
  context->requireMinimumProtocol(net::Context::PROTO_TLSV1_2);
  context->enableSessionCache(true, "jetpack hub");
  SSL_CTX_set_options(context->sslContext(), SSL_OP_NO_RENEGOTIATION);
  // Most clients make one connection after the other, each of which brings the next ticket.
  SSL_CTX_set_num_tickets(context->sslContext(), 1);
  certificate.attach(context->sslContext());
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

net::ServerSocket listen_on(const std::string& listen, const char* option) {
  const net::SocketAddress address = parse_address(listen);
  net::ServerSocket socket;
  try {
    // Never SO_REUSEPORT: two hubs must not share a port unknowingly.
    socket.bind(address, true, false);
    socket.listen(max_backlog);
    socket.setBlocking(false);
  } catch (const Poco::Exception& e) {
    throw Error(Errc::unavailable, "cannot listen on " + address.toString() + ": " +
                                       e.displayText() + "\nChoose a free address with " + option);
  }
  return socket;
}

}  // namespace

class Listener::Impl {
 public:
  Impl(const Address& address, const Limits& limits, Threads threads, const support::LogFile& log,
       MakeHandler make)
      : log_(log),
        make_(std::move(make)),
        context_(address.certificate == nullptr ? nullptr : make_context(*address.certificate)),
        socket_(listen_on(address.listen, address.option)),
        workers_(threads.most, threads.kept,
                 [this](Owned connection) { work(std::move(connection)); }),
        loop_(socket_.impl()->sockfd(), context_ ? context_->sslContext() : nullptr, limits, log,
              [this](Owned connection) { submit(std::move(connection)); }) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    loop_.finish(stop_grace);
    workers_.stop();
  }

  uint16_t port() const { return socket_.address().port(); }

  void stop() { loop_.stop(); }

 private:
  using Owned = EventLoop::Owned;

  // Most requests are handled by the thread that judged their head: to hand one over costs more than
  // to answer it.
  void work(Owned connection) {
    const auto go_on = [&] { connection->phase = connection->work(make_, log_); };
    go_on();
    if (connection->phase == Connection::Phase::thread) {
      if (!connection->is_common())
        go_on();
      else if (!workers_.go_on_as_second(go_on))
        return submit(std::move(connection));
    }
    loop_.give_back(std::move(connection));
  }

  // Heads and administrators come first.
  void submit(Owned connection) {
    using Lane = Workers<Owned>::Lane;
    const Lane lane = connection->is_common() ? Lane::second : Lane::first;
    workers_.submit(std::move(connection), lane);
  }

  const support::LogFile& log_;
  MakeHandler make_;
  net::Context::Ptr context_;
  net::ServerSocket socket_;
  Workers<Owned> workers_;
  EventLoop loop_;
};

Listener::Listener(const Address& address, const Limits& limits, Threads threads,
                   const support::LogFile& log, MakeHandler make)
    : impl_(std::make_unique<Impl>(address, limits, threads, log, std::move(make))) {}

Listener::~Listener() = default;

uint16_t Listener::port() const { return impl_->port(); }
void Listener::stop() { impl_->stop(); }

}  // namespace jetpack::hub
