// HTTP with libcurl.
#include "services/http/client.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <exception>
#include <optional>

#include <curl/curl.h>

#include <jetpack/error.hpp>
#include "services/http/failure.hpp"
#include "support/ca_store.hpp"
#include "support/text.hpp"

namespace jetpack::http {

namespace {

constexpr long connect_timeout_ms = 15'000;
constexpr long longest_idle_s = 100;  // beyond, a firewall in between may have forgotten it
constexpr long stall_bytes = 256;     // less than this in each second counts as nothing
// Large enough that a call of the kernel moves much, small enough to stay in a core's cache.
constexpr long receive_buffer = 128L << 10;
constexpr long send_buffer = 256L << 10;
constexpr size_t most_headers = 64 << 10;
constexpr size_t most_error_body = 64 << 10;
// libcurl's clock and ours may differ by this.
constexpr std::chrono::milliseconds clock_tolerance{10};

struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

void append_header(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list.release());
  list.reset(longer);
}

// "https://host:port" of a URL.
std::string server_in(const std::string& url) {
  const size_t start = url.find("://");
  return url.substr(0, url.find_first_of("/?", start + 3));
}

// Keeps SIGPIPE from this thread while it lives: OpenSSL, unlike libcurl, writes to a connection that the
// other side may have closed, and the caller may want the signal for its own pipes.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec at_once{};
    if (!was_pending_) ::sigtimedwait(&pipe_, nullptr, &at_once);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

template <class Value>
void set_option(CURL* handle, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(handle, option, value);
  if (code != CURLE_OK)
    throw Error(Errc::internal, std::string("libcurl rejected option ") + std::to_string(option) +
                                    ": " + curl_easy_strerror(code));
}

}  // namespace

struct Client::Handle {
  struct Cleanup {
    void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
  };
  CertificateProblem certificate;  // outlives the connections, which refer to it
  std::string also_trusted;        // PEM file beside CURLOPT_CAINFO, which is but one; empty: none
  std::exception_ptr not_trusted;  // why it could not be read
  std::optional<support::CaStore> store;  // the system's: hundreds of names are read to find it
  std::unique_ptr<CURL, Cleanup> easy;

  // The system's CAs and those in `ca_file`, beside which the directory, read when needed, will do.
  void trust(const std::string& ca_file) {
    if (!store) store = support::system_ca_store();
    const std::string& file = ca_file.empty() ? store->file : ca_file;
    set_option(easy.get(), CURLOPT_CAINFO, or_null(file));
    set_option(easy.get(), CURLOPT_CAPATH, or_null(store->directory));
    not_trusted = nullptr;
    also_trusted = ca_file.empty() || !store->directory.empty() ? "" : store->file;
  }
  static const char* or_null(const std::string& pem) { return pem.empty() ? nullptr : pem.c_str(); }

  // Not supported by a libcurl with another TLS library; errors are then less exact.
  void watch_certificate() {
    certificate.verdict = 0;
    curl_easy_setopt(easy.get(), CURLOPT_SSL_CTX_FUNCTION, &prepare_tls);
    curl_easy_setopt(easy.get(), CURLOPT_SSL_CTX_DATA, this);
  }
  static CURLcode prepare_tls(CURL*, void* context, void* self) noexcept {
    auto& handle = *static_cast<Handle*>(self);
    auto* tls = static_cast<SSL_CTX*>(context);
    handle.certificate.watch(tls);
    try {
      if (!handle.also_trusted.empty()) trust_file(tls, handle.also_trusted);
      return CURLE_OK;
    } catch (...) {
      handle.not_trusted = std::current_exception();
      return CURLE_SSL_CACERT_BADFILE;
    }
  }

  // Without any connection.
  void start() {
    store.reset();
    easy.reset(curl_easy_init());
    if (!easy) throw Error(Errc::internal, "failed to start libcurl");
  }
};

// What libcurl's callbacks see of one exchange.
class Client::Exchange {
 public:
  Exchange(const Request& request, uint64_t max_body, const BodySink& sink, const Halt* halt)
      : server_("the server at " + server_in(request.url)),
        whole_body_(request.body),
        body_left_(request.body),
        max_body_(max_body),
        sink_(&sink),
        halt_(halt) {}

  void attach(CURL* handle) {
    set_option(handle, CURLOPT_HEADERFUNCTION, &take_header);
    set_option(handle, CURLOPT_HEADERDATA, this);
    set_option(handle, CURLOPT_WRITEFUNCTION, &take_body);
    set_option(handle, CURLOPT_WRITEDATA, this);
    set_option(handle, CURLOPT_READFUNCTION, &give_body);
    set_option(handle, CURLOPT_READDATA, this);
    set_option(handle, CURLOPT_SEEKFUNCTION, &rewind_body);
    set_option(handle, CURLOPT_SEEKDATA, this);
    set_option(handle, CURLOPT_XFERINFOFUNCTION, &watch);
    set_option(handle, CURLOPT_XFERINFODATA, this);
    set_option(handle, CURLOPT_ERRORBUFFER, details_.data());
  }

  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }
  const char* details() const { return details_.data(); }
  Response& response() { return response_; }
  // Whether the headers came to their end: libcurl takes a connection that is closed among them for
  // the end of the response.
  bool has_all_headers() const { return has_all_headers_; }
  // Whether anything of a response has come.
  bool has_begun() const { return header_bytes_ > 0; }

 private:
  // Runs a step and keeps what it throws: nothing may be thrown through libcurl.
  template <class Step>
  bool keep_thrown(Step&& step) noexcept {
    try {
      step();
      return true;
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }

  void add_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > most_headers)
      throw Retryable(server_ + " answered more than 64 KiB of headers");
    if (line.starts_with("HTTP/")) {
      // Another response begins: the one before was 1xx or the proxy's.
      response_ = {};
      has_all_headers_ = false;
      const size_t blank = line.find(' ');
      for (const char c : line.substr(std::min(blank, line.size()), 4))
        if (c >= '0' && c <= '9')
          response_.status = response_.status * 10 + static_cast<unsigned>(c - '0');
      return;
    }
    if (support::trimmed(line).empty()) has_all_headers_ = true;
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      response_.headers[support::lower_case(line.substr(0, colon))] =
          support::trimmed(line.substr(colon + 1));
  }

  void add_body(std::string_view piece) {
    const bool is_good = response_.status >= 200 && response_.status < 300;
    if (is_good && *sink_) return (*sink_)(response_, piece);
    const uint64_t most = is_good ? max_body_ : most_error_body;
    if (response_.body.size() + piece.size() <= most) {
      response_.body.append(piece);
      return;
    }
    if (is_good)
      throw Error(Errc::corrupt,
                  server_ + " answered more than " + std::to_string(most) + " bytes");
    is_error_cut_ = true;
  }

  bool is_halted() const { return halt_ != nullptr && halt_->is_set(); }

  static Exchange& from(void* self) { return *static_cast<Exchange*>(self); }

  static size_t take_header(char* data, size_t, size_t size, void* self) noexcept {
    return from(self).keep_thrown([&] { from(self).add_header({data, size}); }) ? size : 0;
  }
  static size_t take_body(char* data, size_t, size_t size, void* self) noexcept {
    if (from(self).is_halted()) return 0;
    return from(self).keep_thrown([&] { from(self).add_body({data, size}); }) ? size : 0;
  }
  static size_t give_body(char* buffer, size_t, size_t capacity, void* self) noexcept {
    auto& left = from(self).body_left_;
    const size_t size = std::min(capacity, left.size());
    std::copy_n(left.data(), size, buffer);
    left.remove_prefix(size);
    return size;
  }
  // libcurl sends again when a kept connection turns out to be closed.
  static int rewind_body(void* self, curl_off_t offset, int origin) noexcept {
    auto& exchange = from(self);
    if (origin != SEEK_SET || offset < 0 ||
        static_cast<uint64_t>(offset) > exchange.whole_body_.size())
      return CURL_SEEKFUNC_CANTSEEK;
    exchange.body_left_ = exchange.whole_body_.substr(static_cast<size_t>(offset));
    return CURL_SEEKFUNC_OK;
  }
  static int watch(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    return from(self).is_halted() ? 1 : 0;
  }

  std::string server_;
  Response response_;
  std::string_view whole_body_;
  std::string_view body_left_;
  uint64_t max_body_;
  const BodySink* sink_;
  const Halt* halt_;
  size_t header_bytes_ = 0;
  bool has_all_headers_ = false;
  bool is_error_cut_ = false;
  std::exception_ptr thrown_;
  std::array<char, CURL_ERROR_SIZE> details_{};
};

std::string Response::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

Client::Client(const Halt* halt) : halt_(halt), handle_(std::make_unique<Handle>()) {
  static const bool is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!is_ready) throw Error(Errc::internal, "failed to start libcurl");
  handle_->start();
}

Client::Client() : Client(nullptr) {}
Client::Client(const Halt& halt) : Client(&halt) {}
Client::~Client() = default;

namespace {

void apply_settings(CURL* handle, const Settings& settings) {
  set_option(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set_option(handle, CURLOPT_HTTP_VERSION,
             long{settings.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1});
  set_option(handle, CURLOPT_HTTP09_ALLOWED, 0L);
  set_option(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set_option(handle, CURLOPT_PATH_AS_IS, 1L);
  set_option(handle, CURLOPT_NOSIGNAL, 1L);
  // A name look-up that is too slow is left to end by itself.
  set_option(handle, CURLOPT_QUICK_EXIT, 1L);
  set_option(handle, CURLOPT_NOPROGRESS, 0L);
  set_option(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  set_option(handle, CURLOPT_MAXAGE_CONN, longest_idle_s);
  set_option(handle, CURLOPT_USERAGENT, "jetpack/" JETPACK_VERSION);
  // "" is none; without it libcurl would ask the environment.
  set_option(handle, CURLOPT_PROXY, settings.proxy.c_str());
  set_option(handle, CURLOPT_NOPROXY, "");
  set_option(handle, CURLOPT_PROXYAUTH, CURLAUTH_BASIC);
  set_option(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set_option(handle, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  set_option(handle, CURLOPT_SSL_VERIFYPEER, settings.verify ? 1L : 0L);
  set_option(handle, CURLOPT_SSL_VERIFYHOST, settings.verify ? 2L : 0L);
  const long stall = long{settings.stall.count()};
  set_option(handle, CURLOPT_CONNECTTIMEOUT_MS, std::min(connect_timeout_ms, stall * 1000));
  set_option(handle, CURLOPT_LOW_SPEED_LIMIT, stall_bytes);
  set_option(handle, CURLOPT_LOW_SPEED_TIME, stall);
  set_option(handle, CURLOPT_BUFFERSIZE, receive_buffer);
  set_option(handle, CURLOPT_UPLOAD_BUFFERSIZE, send_buffer);
}

// The list must live until the exchange has ended.
HeaderList apply_request(CURL* handle, const Request& request) {
  set_option(handle, CURLOPT_URL, request.url.c_str());
  HeaderList headers;
  for (const auto& [name, value] : request.headers)
    append_header(headers, std::string(name).append(value.empty() ? ";" : ": ").append(value));
  for (const auto* unwanted : {"Expect:", "Accept:"}) append_header(headers, unwanted);
  if (request.method == "HEAD") {
    set_option(handle, CURLOPT_NOBODY, 1L);
  } else if (request.method == "PUT" || request.method == "POST" || !request.body.empty()) {
    set_option(handle, CURLOPT_UPLOAD, 1L);
    set_option(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set_option(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    set_option(handle, CURLOPT_HTTPGET, 1L);
    set_option(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  set_option(handle, CURLOPT_HTTPHEADER, headers.get());
  return headers;
}

long number_of(CURL* handle, CURLINFO info) {
  long value = 0;
  curl_easy_getinfo(handle, info, &value);
  return value;
}

bool has_passed(CURL* handle, CURLINFO step) {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(handle, step, &microseconds);
  return microseconds > 0;
}

}  // namespace

Response Client::perform(const Settings& settings, const Request& request, uint64_t max_body,
                         const BodySink& sink) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  problem_ = {};
  for (bool is_second = false;; is_second = true) {
    CURL* const handle = handle_->easy.get();
    // Forgets all options; the connection is kept.
    curl_easy_reset(handle);
    apply_settings(handle, settings);
    if (settings.verify && request.url.starts_with("https:")) handle_->trust(settings.ca_file);
    const HeaderList headers = apply_request(handle, request);
    const auto left =
        settings.longest - std::chrono::floor<std::chrono::milliseconds>(Clock::now() - start);
    if (settings.longest.count() > 0)
      set_option(handle, CURLOPT_TIMEOUT_MS, std::max(long{left.count()}, 1L));
    handle_->watch_certificate();
    Exchange exchange(request, max_body, sink, halt_);
    exchange.attach(handle);
    CURLcode code = [&] {
      std::optional<NoPipeSignal> quiet;
      if (request.url.starts_with("https:") || settings.proxy.starts_with("https:"))
        quiet.emplace();
      return curl_easy_perform(handle);
    }();
    exchange.rethrow();
    if (handle_->not_trusted) std::rethrow_exception(handle_->not_trusted);
    if (code == CURLE_OK && !exchange.has_all_headers()) code = CURLE_PARTIAL_FILE;
    if (halt_ != nullptr && halt_->is_set()) throw Retryable("the transfer was stopped");
    if (code == CURLE_OK) {
      if (exchange.response().status == 421) handle_->start();
      return std::move(exchange.response());
    }
    const bool was_kept = number_of(handle, CURLINFO_NUM_CONNECTS) == 0;
    const bool has_expired =
        settings.longest.count() > 0 && Clock::now() - start + clock_tolerance >= settings.longest;
    const Failure failure{
        code,
        exchange.details(),
        number_of(handle, CURLINFO_OS_ERRNO),
        number_of(handle, CURLINFO_HTTP_CONNECTCODE),
        has_expired,
        handle_->certificate,
        has_passed(handle, CURLINFO_NAMELOOKUP_TIME_T),
        has_passed(handle, CURLINFO_CONNECT_TIME_T),
        request.url.starts_with("https:") && !has_passed(handle, CURLINFO_APPCONNECT_TIME_T)};
    // After some failures libcurl accepts no options on the handle.
    handle_->start();
    if (is_lost_connection(code) && was_kept && !exchange.has_begun() && !is_second) continue;
    problem_ = problem_id(failure, settings);
    fail(failure, settings, server_in(request.url));
  }
}

}  // namespace jetpack::http
