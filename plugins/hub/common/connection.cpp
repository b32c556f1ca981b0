// A client's connection, and the request on it that is being handled.
#include "common/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponseImpl.h>
#include <Poco/Net/HTTPServerSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/Timestamp.h>

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

constexpr size_t max_head = 32 << 10;
constexpr uint64_t unknown = UINT64_MAX;  // the length of a chunked body

class Session : public net::HTTPServerSession {
 public:
  using net::HTTPServerSession::HTTPServerSession;
  // Whether Poco took the end of the head for something else.
  bool has_rest() const { return buffered() > 0; }
};

}  // namespace

// A request and its response, as Poco reads and writes them.
class Connection::Exchange {
 public:
  // Throws Poco::Exception for a head that is none.
  Exchange(Channel& channel, net::HTTPServerParams* parameters)
      : session_(net::StreamSocket(hold(channel)), {parameters, true}),
        response_(session_),
        request_(response_, session_, parameters) {
    if (session_.has_rest()) throw net::MessageException("malformed head");
    response_.setDate(Poco::Timestamp());
    response_.setVersion(request_.getVersion());
    // Where a body without a length ends is known only to who reads it.
    if (request_.getChunkedTransferEncoding()) request_.setKeepAlive(false);
    response_.setKeepAlive(request_.getKeepAlive());
  }

  // Of the body.
  uint64_t length() const {
    if (request_.getChunkedTransferEncoding()) return unknown;
    return request_.hasContentLength()
               ? static_cast<uint64_t>(std::max<Poco::Int64>(request_.getContentLength64(), 0))
               : 0;
  }

  uint64_t admit(const MakeHandler& make, Connection& connection) {
    handler_ = make(connection);
    return handler_->admit(request_, response_);
  }
  void send_continue() {
    if (request_.getExpectContinue() && !response_.sent()) response_.sendContinue();
  }
  void handle() { handler_->handle(request_, response_); }
  void refuse(int status, const std::string& reason) {
    if (response_.sent()) return;
    response_.setKeepAlive(false);
    handler_->refuse(response_, status, reason);
  }
  bool is_answered() const { return response_.sent(); }
  bool keeps_alive() const { return request_.getKeepAlive() && response_.getKeepAlive(); }

 private:
  static net::SocketImpl* hold(Channel& channel) {
    channel.duplicate();  // for the handle, which releases it
    return &channel;
  }

  Session session_;
  net::HTTPServerResponseImpl response_;
  net::HTTPServerRequestImpl request_;
  std::unique_ptr<Handler> handler_;
};

Connection::Connection(Poco::AutoPtr<Channel> channel, std::string address)
    : channel_(std::move(channel)), address_(std::move(address)) {}

Connection::~Connection() = default;

void Connection::claim(Quota& connections, const std::string& owner, bool is_administrator) {
  if (owner_ && owner_->owner() == owner) return;
  owner_.reset();
  is_administrator_ = is_administrator;
  owner_.emplace(connections.take(owner, is_administrator));
}

bool Connection::is_ready() {
  if (phase == Phase::body) return has_body();
  return (phase == Phase::head || phase == Phase::idle) && has_head();
}

bool Connection::has_head() {
  // Empty lines before a request are ignored, as RFC 9112, section 2.2, asks.
  while (!channel_->buffered().empty() && scanned_ == 0 &&
         (channel_->buffered().front() == '\r' || channel_->buffered().front() == '\n'))
    channel_->drop(1);
  const std::string_view text = channel_->buffered();
  for (size_t at = text.find('\n', scanned_); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    scanned_ = at;
    const std::string_view next = text.substr(at + 1);
    if (next.starts_with('\n')) head_bytes_ = at + 2;
    if (next.starts_with("\r\n")) head_bytes_ = at + 3;
    if (head_bytes_ != 0) return true;
  }
  return text.size() > max_head;
}

void Connection::cut() { ::shutdown(channel_->sockfd(), SHUT_RDWR); }

Connection::Phase Connection::work(const MakeHandler& make, const support::LogFile& log) {
  Phase next = Phase::closed;
  try {
    next = exchange_ ? finish() : begin(make);
  } catch (const std::exception& e) {
    next = fail(e, log);
  }
  if (next == Phase::body || next == Phase::thread) return next;
  exchange_.reset();
  if (channel_->is_broken()) return Phase::closed;
  return next;
}

Connection::Phase Connection::fail(const std::exception& e, const support::LogFile& log) {
  if (channel_->is_broken()) return Phase::closed;
  const auto* poco = dynamic_cast<const Poco::Exception*>(&e);
  log.error("failed to handle a request of " + address_ + ": " +
            (poco != nullptr ? poco->displayText() : e.what()));
  try {
    if (exchange_) exchange_->refuse(500, "internal error; see the hub's log");
    return Phase::parting;
  } catch (const std::exception&) {
    return Phase::closed;
  }
}

Connection::Phase Connection::begin(const MakeHandler& make) {
  static const net::HTTPServerParams::Ptr parameters(new net::HTTPServerParams);
  channel_->restart_pace();
  if (is_late_) return answer_raw("408 Request Timeout", "the request did not arrive in time");
  scanned_ = 0;
  if (head_bytes_ == 0 || head_bytes_ > max_head)
    return answer_raw("431 Request Header Fields Too Large",
                      "the head of the request is too large");
  channel_->admit(std::exchange(head_bytes_, 0));
  try {
    exchange_ = std::make_unique<Exchange>(*channel_, net::HTTPServerParams::Ptr(parameters).get());
  } catch (const Poco::Exception&) {
    return answer_raw("400 Bad Request", "malformed request");
  }
  channel_->admit(exchange_->length());
  const uint64_t wanted = exchange_->admit(make, *this);
  wanted_ = exchange_->length() == unknown ? 0 : std::min(wanted, exchange_->length());
  if (exchange_->is_answered()) return finish();
  exchange_->send_continue();
  while (!has_body() && channel_->fill() == Channel::Io::done) continue;
  return has_body() ? Phase::thread : Phase::body;
}

// Whatever is left of the exchange once its body is there, or late.
Connection::Phase Connection::finish() {
  wanted_ = 0;
  if (std::exchange(is_late_, false)) {
    exchange_->refuse(408, "the body arrived too slowly");
    return Phase::parting;
  }
  if (!exchange_->is_answered()) exchange_->handle();
  if (channel_->is_too_slow()) return Phase::closed;
  return exchange_->keeps_alive() && channel_->admitted() == 0 ? Phase::idle : Phase::parting;
}

// An answer to what is not a request.
Connection::Phase Connection::answer_raw(const char* status, const char* reason) {
  const std::string body = std::string(R"({"error":")") + reason + "\"}";
  const std::string response = std::string("HTTP/1.1 ") + status +
                               "\r\nConnection: close\r\nContent-Type: application/json\r\n"
                               "Content-Length: " +
                               std::to_string(body.size()) + "\r\n\r\n" + body;
  channel_->sendBytes(response.data(), static_cast<int>(response.size()), 0);
  return Phase::parting;
}

}  // namespace jetpack::hub
