// HTTP with libcurl.
#include "services/storage/http.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <exception>

#include <curl/curl.h>

#include <jetpack/error.hpp>
#include "support/text.hpp"

namespace jetpack::storage {

namespace {

constexpr long connect_timeout_ms = 15'000;
// Less than this in each second counts as nothing.
constexpr long stall_bytes = 256;
// Large enough that a call of the kernel moves much, small enough to stay in a core's cache.
constexpr long receive_buffer = 128L << 10;
constexpr long send_buffer = 256L << 10;
constexpr size_t most_headers = 64 << 10;
constexpr size_t most_error_body = 64 << 10;

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

bool is_certificate_problem(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR;
}

// What no later try would change: defects, and what a person has to mend.
bool is_final(CURLcode code) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_CIPHER:
      return true;
    default:
      return false;
  }
}

std::string problem_text(CURLcode code, const char* details) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "cannot be found: its name has no address";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "cannot be reached: the proxy's name has no address";
    case CURLE_OPERATION_TIMEDOUT:
      return "did not answer or send anything in time";
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
      return "broke the connection before the answer was whole";
    case CURLE_COULDNT_CONNECT:
      return std::string("cannot be reached: ") +
             (details[0] != '\0' ? details : curl_easy_strerror(code));
    default:
      return std::string("cannot be talked to: ") +
             (details[0] != '\0' ? details : curl_easy_strerror(code));
  }
}

// Keeps SIGPIPE from this thread while it lives: OpenSSL writes to a connection that the other side
// may have closed, and whoever called us may want the signal for its own pipes.
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
    throw Error(Errc::internal, std::string("libcurl takes not option ") + std::to_string(option) +
                                    ": " + curl_easy_strerror(code));
}

}  // namespace

struct HttpClient::Handle {
  struct Cleanup {
    void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
  };
  std::unique_ptr<CURL, Cleanup> easy{curl_easy_init()};
};

// What libcurl's callbacks see of one exchange.
class HttpClient::Exchange {
 public:
  Exchange(const HttpRequest& request, uint64_t max_body, const BodySink& sink, const Halt& halt)
      : body_left_(request.body), max_body_(max_body), sink_(&sink), halt_(&halt) {}

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
    whole_body_ = body_left_;
  }

  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }
  const char* details() const { return details_.data(); }
  HttpReply& reply() { return reply_; }

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
      throw Error(Errc::corrupt, "the server answered more than 64 KiB of headers");
    if (line.starts_with("HTTP/")) {
      // Another reply begins: the one before was 100 Continue or the proxy's.
      reply_ = {};
      const size_t blank = line.find(' ');
      for (const char c : line.substr(std::min(blank, line.size()), 4))
        if (c >= '0' && c <= '9')
          reply_.status = reply_.status * 10 + static_cast<unsigned>(c - '0');
      return;
    }
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      reply_.headers[support::lower_case(line.substr(0, colon))] =
          support::trimmed(line.substr(colon + 1));
  }

  void add_body(std::string_view piece) {
    const bool is_good = reply_.status >= 200 && reply_.status < 300;
    if (is_good && *sink_) return (*sink_)(reply_, piece);
    const uint64_t most = is_good ? max_body_ : most_error_body;
    if (reply_.body.size() + piece.size() <= most) {
      reply_.body.append(piece);
      return;
    }
    if (is_good)
      throw Error(Errc::corrupt,
                  "the server answered more than " + std::to_string(most) + " bytes");
    is_error_cut_ = true;
  }

  static Exchange& from(void* self) { return *static_cast<Exchange*>(self); }

  static size_t take_header(char* data, size_t, size_t size, void* self) noexcept {
    return from(self).keep_thrown([&] { from(self).add_header({data, size}); }) ? size : 0;
  }
  static size_t take_body(char* data, size_t, size_t size, void* self) noexcept {
    if (from(self).halt_->is_set()) return 0;
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
    return from(self).halt_->is_set() ? 1 : 0;
  }

  HttpReply reply_;
  std::string_view whole_body_;
  std::string_view body_left_;
  uint64_t max_body_;
  const BodySink* sink_;
  const Halt* halt_;
  size_t header_bytes_ = 0;
  bool is_error_cut_ = false;
  std::exception_ptr thrown_;
  std::array<char, CURL_ERROR_SIZE> details_{};
};

std::string HttpReply::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpClient::HttpClient(const Halt& halt) : halt_(&halt), handle_(std::make_unique<Handle>()) {
  if (!handle_->easy) throw Error(Errc::internal, "libcurl cannot be started");
}

HttpClient::~HttpClient() = default;

HttpReply HttpClient::perform(const HttpSettings& settings, const HttpRequest& request,
                              uint64_t max_body, const BodySink& sink) {
  CURL* const handle = handle_->easy.get();
  // Forgets all options; the connection is kept.
  curl_easy_reset(handle);
  set_option(handle, CURLOPT_URL, request.url.c_str());
  set_option(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set_option(handle, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set_option(handle, CURLOPT_HTTP09_ALLOWED, 0L);
  set_option(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set_option(handle, CURLOPT_PATH_AS_IS, 1L);
  set_option(handle, CURLOPT_NOSIGNAL, 1L);
  set_option(handle, CURLOPT_NOPROGRESS, 0L);
  set_option(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  set_option(handle, CURLOPT_USERAGENT, "jetpack");
  // "" is no proxy; without it libcurl would ask the environment.
  set_option(handle, CURLOPT_PROXY, settings.proxy.c_str());
  set_option(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set_option(handle, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  set_option(handle, CURLOPT_SSL_VERIFYPEER, settings.verify ? 1L : 0L);
  set_option(handle, CURLOPT_SSL_VERIFYHOST, settings.verify ? 2L : 0L);
  // The system's folder of certificates stays in use beside it.
  if (!settings.ca_file.empty()) set_option(handle, CURLOPT_CAINFO, settings.ca_file.c_str());
  set_option(handle, CURLOPT_CONNECTTIMEOUT_MS,
             std::min(connect_timeout_ms, long{settings.stall.count()} * 1000));
  set_option(handle, CURLOPT_LOW_SPEED_LIMIT, stall_bytes);
  set_option(handle, CURLOPT_LOW_SPEED_TIME, long{settings.stall.count()});
  set_option(handle, CURLOPT_TIMEOUT, long{settings.longest.count()});
  set_option(handle, CURLOPT_BUFFERSIZE, receive_buffer);
  set_option(handle, CURLOPT_UPLOAD_BUFFERSIZE, send_buffer);

  HeaderList headers;
  for (const auto& [name, value] : request.headers)
    append_header(headers, std::string(name).append(value.empty() ? ";" : ": ").append(value));
  for (const auto* unwanted : {"Expect:", "Accept:"}) append_header(headers, unwanted);
  if (request.method == "HEAD") {
    set_option(handle, CURLOPT_NOBODY, 1L);
  } else if (request.method == "PUT" || request.method == "POST") {
    set_option(handle, CURLOPT_UPLOAD, 1L);
    set_option(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set_option(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    set_option(handle, CURLOPT_HTTPGET, 1L);
    set_option(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  set_option(handle, CURLOPT_HTTPHEADER, headers.get());

  Exchange exchange(request, max_body, sink, *halt_);
  exchange.attach(handle);
  const CURLcode code = [&] {
    const NoPipeSignal quiet;
    return curl_easy_perform(handle);
  }();
  exchange.rethrow();
  if (halt_->is_set()) throw Passing("the transfer was stopped");
  if (code == CURLE_OK) return std::move(exchange.reply());

  const std::string server = "the server at " + server_in(request.url);
  if (is_certificate_problem(code))
    throw Error(Errc::denied, server +
                                  " has a certificate that is not trusted: " + exchange.details() +
                                  "; name its CA in the \"ca_file\" of the locker's description");
  const std::string text = server + ' ' + problem_text(code, exchange.details());
  if (is_final(code)) throw Error(Errc::failed, text);
  throw Passing(text);
}

}  // namespace jetpack::storage
