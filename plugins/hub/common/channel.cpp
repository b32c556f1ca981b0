// A connection's socket, with TLS or without, that an event loop and threads use in turn.
#include "common/channel.hpp"

#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>

namespace jetpack::hub {

namespace {

constexpr size_t part_bytes = 16 << 10;  // a TLS record's

}  // namespace

Channel::Channel(int socket, SSL_CTX* context, Pace pace) : StreamSocketImpl(socket), pace_(pace) {
  if (context == nullptr) return;
  tls_.reset(SSL_new(context));
  if (!tls_ || SSL_set_fd(tls_.get(), sockfd()) != 1) throw std::bad_alloc();
  SSL_set_accept_state(tls_.get());
  SSL_set_read_ahead(tls_.get(),
                     1);  // one call for what has arrived, instead of two for each record
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
}

Channel::Io Channel::handshake() {
  if (!tls_) return Io::done;
  ERR_clear_error();
  return result(SSL_accept(tls_.get()));
}

Channel::Io Channel::fill() {
  std::array<char, part_bytes> part{};
  int got = 0;
  const Io io = read_some(part.data(), static_cast<int>(part.size()), got);
  if (io != Io::done) return io;
  if (begin_ != 0 && begin_ == buffer_.size()) drop(0);
  buffer_.append(part.data(), static_cast<size_t>(got));
  return Io::done;
}

void Channel::drop(size_t bytes) {
  begin_ += bytes;
  if (begin_ != buffer_.size()) {
    if (begin_ > part_bytes && begin_ > buffer_.size() / 2)
      buffer_.erase(0, std::exchange(begin_, 0));
    return;
  }
  begin_ = 0;
  // An idle connection needs no memory for what a request once sent.
  if (buffer_.capacity() > part_bytes) buffer_ = {};
  buffer_.clear();
}

void Channel::close_sending() {
  ERR_clear_error();
  if (tls_ && !is_broken_ && SSL_is_init_finished(tls_.get()) == 1) SSL_shutdown(tls_.get());
  ::shutdown(sockfd(), SHUT_WR);
}

bool Channel::is_gone() const {
  pollfd watched{sockfd(), POLLRDHUP, 0};
  return ::poll(&watched, 1, 0) > 0;
}

int Channel::receiveBytes(void* buffer, int length, int /*flags*/) {
  const auto most = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(length), admitted_));
  if (most <= 0) return 0;
  int got = static_cast<int>(std::min<size_t>(static_cast<size_t>(most), buffered().size()));
  if (got != 0) {
    std::memcpy(buffer, buffered().data(), static_cast<size_t>(got));
    drop(static_cast<size_t>(got));
  } else {
    auto* const to = static_cast<char*>(buffer);
    for (Io io = read_some(to, most, got); io != Io::done; io = read_some(to, most, got)) {
      if (io == Io::failed) return 0;
      wait(io, reading_);
    }
    reading_.bytes += static_cast<uint64_t>(got);
  }
  admitted_ -= static_cast<uint64_t>(got);
  return got;
}

int Channel::sendBytes(const void* buffer, int length, int /*flags*/) {
  const auto* data = static_cast<const char*>(buffer);
  for (int done = 0; done < length;) {
    int sent = 0;
    // Nor an answer to a body that came too slowly: what was read of it is not what was meant.
    const Io io = is_broken_ ? Io::failed : write_some(data + done, length - done, sent);
    if (io == Io::failed) throw Poco::Net::ConnectionResetException("the peer closed it");
    if (io != Io::done) wait(io, writing_);
    done += sent;
    writing_.bytes += static_cast<uint64_t>(sent);
  }
  return length;
}

// What an operation of OpenSSL that returned this needs to go on.
Channel::Io Channel::result(int returned) {
  if (returned > 0) return Io::done;
  const int error = SSL_get_error(tls_.get(), returned);
  if (error == SSL_ERROR_WANT_READ) return Io::want_read;
  if (error == SSL_ERROR_WANT_WRITE) return Io::want_write;
  is_broken_ = error != SSL_ERROR_ZERO_RETURN;
  return Io::failed;
}

Channel::Io Channel::read_some(char* buffer, int length, int& got) {
  if (tls_) {
    ERR_clear_error();
    const int returned = SSL_read(tls_.get(), buffer, length);
    got = std::max(returned, 0);
    return result(returned);
  }
  const auto returned = ::recv(sockfd(), buffer, static_cast<size_t>(length), 0);
  got = static_cast<int>(std::max<ssize_t>(returned, 0));
  if (returned > 0) return Io::done;
  if (returned < 0 && (errno == EAGAIN || errno == EINTR)) return Io::want_read;
  is_broken_ = is_broken_ || returned < 0;
  return Io::failed;
}

Channel::Io Channel::write_some(const char* data, int length, int& sent) {
  if (tls_) {
    ERR_clear_error();
    const int returned = SSL_write(tls_.get(), data, length);
    sent = std::max(returned, 0);
    return result(returned);
  }
  const auto returned = ::send(sockfd(), data, static_cast<size_t>(length), MSG_NOSIGNAL);
  sent = static_cast<int>(std::max<ssize_t>(returned, 0));
  if (returned > 0) return Io::done;
  if (returned < 0 && (errno == EAGAIN || errno == EINTR)) return Io::want_write;
  is_broken_ = true;
  return Io::failed;
}

// Throws when the peer is too slow. Only the time in which we wait for it counts.
void Channel::wait(Io io, Progress& progress) {
  const auto begin = Clock::now();
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(pace_.allowed(progress.bytes) - progress.waited);
  pollfd watched{sockfd(), static_cast<short>(io == Io::want_read ? POLLIN : POLLOUT), 0};
  constexpr int64_t longest = 60'000;
  if (left.count() > 0)
    ::poll(&watched, 1, static_cast<int>(std::min<int64_t>(left.count(), longest)));
  progress.waited += Clock::now() - begin;
  if (progress.waited < pace_.allowed(progress.bytes)) return;
  is_too_slow_ = is_broken_ = true;
  throw Poco::TimeoutException("the peer is too slow");
}

}  // namespace jetpack::hub
