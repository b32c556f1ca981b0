// A connection's socket, with TLS or without, that an event loop and threads use in turn.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <Poco/Net/StreamSocketImpl.h>

namespace jetpack::hub {

// How slow a peer may be: it may keep a thread waiting for `stall` in all and, on top of that, a
// second for each `rate` bytes that it has sent or taken.
struct Pace {
  std::chrono::milliseconds stall;
  uint64_t rate;

  std::chrono::milliseconds allowed(uint64_t bytes) const {
    return stall + std::chrono::milliseconds(bytes * 1000 / rate);
  }
};

// For one thread at a time. The event loop calls what never blocks; Poco, on a thread that handles
// a request, receiveBytes() and sendBytes().
class Channel : public Poco::Net::StreamSocketImpl {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Io { done, want_read, want_write, failed };

  // Takes over `socket`, which is connected and does not block. `context`: nullptr for a connection
  // without TLS.
  Channel(int socket, SSL_CTX* context, Pace pace);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() override = default;

  // -- for an event loop

  Io handshake();
  // Reads what has arrived, up to one part of 16 KiB, to the end of buffered(). `failed` at the end
  // of the stream, too.
  Io fill();
  // Whether fill() can read more without the socket being readable.
  bool has_pending() const { return tls_ && SSL_has_pending(tls_.get()) == 1; }
  std::string_view buffered() const { return std::string_view(buffer_).substr(begin_); }
  void drop(size_t bytes);
  // Announces the end of what we send.
  void close_sending();

  // -- for the thread of a request

  // Lets receiveBytes() return `bytes` more, from the buffer first.
  void admit(uint64_t bytes) { admitted_ = bytes; }
  uint64_t admitted() const { return admitted_; }
  // Begins the measurement of the peer's pace.
  void restart_pace() { reading_ = writing_ = {}; }
  bool is_broken() const { return is_broken_; }
  bool is_too_slow() const { return is_too_slow_; }
  // Whether the peer has closed the connection.
  bool is_gone() const;

  int receiveBytes(void* buffer, int length, int flags) override;
  int sendBytes(const void* buffer, int length, int flags) override;
  bool secure() const override { return tls_ != nullptr; }
  // Poco closes the socket with each exchange; it is closed with the object.
  void close() override {}

 private:
  struct Progress {
    uint64_t bytes = 0;
    Clock::duration waited{0};
  };
  struct FreeTls {
    void operator()(SSL* tls) const noexcept { SSL_free(tls); }
  };

  Io result(int returned);
  Io read_some(char* buffer, int length, int& got);
  Io write_some(const char* data, int length, int& sent);
  void wait(Io io, Progress& progress);

  Pace pace_;
  std::unique_ptr<SSL, FreeTls> tls_;
  std::string buffer_;
  size_t begin_ = 0;  // of what is left in buffer_
  uint64_t admitted_ = 0;
  Progress reading_, writing_;
  bool is_broken_ = false, is_too_slow_ = false;
};

}  // namespace jetpack::hub
