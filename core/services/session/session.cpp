// The session service: jetpack.session/1 as a module that the host loads on first use.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <memory>

#include <jetpack/config.hpp>
#include <jetpack/error.hpp>
#include <jetpack/log.hpp>
#include "services/module.hpp"
#include "services/session/delivery.hpp"
#include "services/session/identity.hpp"
#include "services/session/outbox.hpp"
#include "services/session/transport.hpp"
#include "support/files.hpp"
#include "support/json_file.hpp"
#include "support/timestamps.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds default_wait{5000};
constexpr milliseconds longest_wait = std::chrono::hours(24 * 365);
constexpr milliseconds default_request_timeout{10000};
constexpr uint64_t default_max_reply = 16 << 20;
constexpr size_t max_data = 1 << 20;
constexpr size_t max_type = 100;
constexpr size_t max_path = 8 << 10;
constexpr int64_t default_outbox_mib = 64;
constexpr int64_t least_outbox_mib = 4;
constexpr int64_t most_outbox_mib = 1 << 20;

void sleep_for(milliseconds time) {
  timespec rest{time.count() / 1000, (time.count() % 1000) * 1'000'000};
  while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  return is_utf8(name) ? name : std::string();
}

// The folder that this library stands in, where its transports are too.
std::string own_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0 || info.dli_fname == nullptr)
    throw Error(Errc::internal, "cannot find the folder of the session module");
  const std::string path(info.dli_fname);
  return path.substr(0, path.rfind('/'));
}

template <class Service>
Service ask_host(const jp_host& host) {
  const void* table = nullptr;
  jp_error err{};
  detail::check(host.service(host.self, detail::borrow(Service::id), &table, &err), err);
  return Service(*static_cast<const typename Service::Table*>(table));
}

void check_message(std::string_view type, std::string_view data) {
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (type.empty() || type.size() > max_type || !std::all_of(type.begin(), type.end(), is_plain))
    throw Error(Errc::usage, "a message's type must be 1 to " + std::to_string(max_type) +
                                 " printable ASCII characters without blanks");
  if (data.size() > max_data)
    throw Error(Errc::usage, "the message's data has " + std::to_string(data.size()) +
                                 " bytes, and at most " + std::to_string(max_data) + " are taken");
  if (!Json::parse(data, "the message's data").root().IsObject())
    throw Error(Errc::usage, "the message's data is not a JSON object");
}

void check_request(std::string_view method, std::string_view path) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (method.empty() || method.size() > 16 || !std::all_of(method.begin(), method.end(), is_upper))
    throw Error(Errc::usage, "not an HTTP method: it must be capital letters, such as GET");
  const auto is_url_char = [](char c) {
    return c > ' ' && c < '\x7f' &&
           std::string_view("\"#<>\\^`{|}").find(c) == std::string_view::npos;
  };
  if (!path.starts_with('/') || path.size() > max_path ||
      !std::all_of(path.begin(), path.end(), is_url_char))
    throw Error(Errc::usage,
                "not a path below the server's address: it must start with / and be "
                "percent-encoded");
}

void write_to(const jp_sink& sink, std::string_view text) {
  if (sink.write(sink.ctx, text.data(), text.size()) != 0)
    throw Error(Errc::failed, "the caller did not take the result");
}

// Fills a struct of the caller's, which may be of an older and shorter form.
template <class Struct>
void hand_out(Struct result, Struct* to) {
  result.size = std::min<uint32_t>(to->size, sizeof result);
  std::memcpy(to, &result, result.size);
}

milliseconds bounded(int64_t ms) {
  return std::min(milliseconds{std::max<int64_t>(ms, 0)}, longest_wait);
}

}  // namespace

class Session {
 public:
  explicit Session(const jp_host& host)
      : config_(ask_host<Config>(host)), log_(ask_host<Log>(host)) {}

  const jp_session& table() const { return table_; }

  std::string identity(std::string_view fact) const {
    if (auto value = facts().fact(fact)) return *value;
    throw Error(Errc::not_found, "this node's " + std::string(fact) + " is not configured");
  }

  jp_receipt publish(const jp_message& raw);
  Answer request(const jp_request& raw) const;

  std::string outbox_state() { return outbox().describe(); }

 private:
  Facts facts() const {
    return Facts(config_.path("config"), [this](std::string_view key) { return setting(key); });
  }

  // What the configuration says is a fallback: where it cannot be read, it says nothing.
  std::optional<std::string> setting(std::string_view key) const {
    try {
      auto text = config_.get(key);
      // What a null is printed as.
      if (text && (text->empty() || *text == "None")) return std::nullopt;
      return text;
    } catch (const Error& e) {
      if (e.code() != Errc::unavailable) warn(e.what());
      return std::nullopt;
    }
  }

  uint64_t outbox_cap() const {
    const std::string text = setting("cyclecloud.jetpack.outbox_max_mib").value_or("");
    int64_t mib = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), mib);
    if (failure != std::errc{} || end != text.data() + text.size()) mib = default_outbox_mib;
    return static_cast<uint64_t>(std::clamp(mib, least_outbox_mib, most_outbox_mib)) << 20;
  }

  Outbox& outbox() {
    if (!outbox_)
      outbox_.emplace(Outbox::Options{config_.path("run"), [this] { return outbox_cap(); },
                                      [this](const std::string& text) { warn(text); }});
    return *outbox_;
  }

  void warn(const std::string& text) const { log_.warning(text); }

  Message store(std::string_view type, std::string_view data);
  std::optional<std::string> settle(Message& message, int64_t wait_ms);
  std::optional<std::string> leave_to_daemon(Message& message, int64_t wait_ms);
  std::optional<std::string> deliver(Message& message, milliseconds wait);
  std::unique_ptr<Transport> connect(const Server& server) const;

  static Session& from(void* self) { return *static_cast<Session*>(self); }
  static int32_t identity_entry(void* self, jp_str fact, jp_sink out, jp_error* err) noexcept {
    return detail::guard(err, [&] { write_to(out, from(self).identity(detail::view(fact))); });
  }
  static int32_t publish_entry(void* self, const jp_message* message, jp_receipt* receipt,
                               jp_error* err) noexcept {
    return detail::guard(err, [&] { hand_out(from(self).publish(*message), receipt); });
  }
  static int32_t request_entry(void* self, const jp_request* request, jp_reply* reply, jp_sink body,
                               jp_error* err) noexcept {
    return detail::guard(err, [&] {
      const Answer answer = from(self).request(*request);
      write_to(body, answer.body);
      hand_out(jp_reply{sizeof(jp_reply), answer.status}, reply);
    });
  }
  static int32_t outbox_entry(void* self, jp_sink json, jp_error* err) noexcept {
    return detail::guard(err, [&] { write_to(json, from(self).outbox_state()); });
  }

  Config config_;
  Log log_;
  std::optional<Outbox> outbox_;
  jp_session table_{sizeof(jp_session), 0, this, &identity_entry, &publish_entry, &request_entry,
                    &outbox_entry};
};

std::unique_ptr<Transport> Session::connect(const Server& server) const {
  if (!server.verify)
    warn("the certificate of " + server.url + " is not checked: validation is switched off");
  return load_transport(own_folder() + "/https.so", server);
}

Message Session::store(std::string_view type, std::string_view data) {
  Message message;
  message.id = make_uuid();
  message.type = type;
  message.data = data;
  message.time = iso_8601(std::chrono::system_clock::now());
  message.hostname = host_name();
  try {
    message.from = facts().identity_from_files();
  } catch (const Error& e) {
    // A message is taken whatever the state of the node; delivery tells what has to be mended.
    warn(e.what());
  }
  return outbox().add(std::move(message));
}

jp_receipt Session::publish(const jp_message& raw) {
  const auto type = detail::view(raw.type);
  const auto data = detail::view(raw.data);
  check_message(type, data);
  Message message = store(type, data);
  std::optional<std::string> note;
  try {
    note = settle(message, raw.wait_ms);
  } catch (const Error& e) {
    note = e.what();
  }
  jp_receipt receipt{};
  receipt.size = sizeof receipt;
  receipt.delivery = note ? JP_QUEUED : JP_DELIVERED;
  detail::copy_text(receipt.id, sizeof receipt.id - 1, message.id);
  if (note) receipt.note_size = detail::copy_text(receipt.note, sizeof receipt.note, *note);
  if (!note && outbox().state_of(message) == Outbox::State::dead)
    throw Error(Errc::failed, "the message was refused for good and is kept as a dead letter: " +
                                  outbox().reason_of(message));
  return receipt;
}

// Tries to have the message delivered in time; says why it still waits.
std::optional<std::string> Session::settle(Message& message, int64_t wait_ms) {
  if (FileLock::is_held(config_.path("run/jetpackd.lock")))
    return leave_to_daemon(message, wait_ms);
  if (wait_ms == 0) return "delivery was not waited for";
  return deliver(message, wait_ms == JP_WAIT_DEFAULT ? default_wait : bounded(wait_ms));
}

std::optional<std::string> Session::leave_to_daemon(Message& message, int64_t wait_ms) {
  constexpr milliseconds interval{20};
  const auto deadline = Clock::now() + bounded(wait_ms);
  for (;;) {
    if (wait_ms > 0 && outbox().state_of(message) != Outbox::State::waiting) return std::nullopt;
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (left <= milliseconds::zero()) return "jetpackd will deliver it";
    sleep_for(std::min(interval, left));
  }
}

std::optional<std::string> Session::deliver(Message& message, milliseconds wait) {
  const auto deadline = Clock::now() + wait;
  const Facts known = facts();
  const Server server = known.server();
  Delivery delivery(outbox(), {shared_file(config_.path("run"), "outbox.lock"), server.url,
                               known.identity(), [&] { return connect(server); },
                               [this](const std::string& text) { warn(text); }, sleep_for});
  return delivery.deliver(message, deadline);
}

Answer Session::request(const jp_request& raw) const {
  const auto method = detail::view(raw.method);
  const auto path = detail::view(raw.path);
  check_request(method, path);
  const auto transport = connect(facts().server());
  Exchange exchange;
  exchange.method = method;
  exchange.path = path;
  exchange.content_type = raw.body_is_json != 0 ? "application/json" : "application/octet-stream";
  exchange.body = detail::view(raw.body);
  exchange.timeout = raw.timeout_ms > 0 ? bounded(raw.timeout_ms) : default_request_timeout;
  exchange.max_reply = raw.max_reply > 0 ? raw.max_reply : default_max_reply;
  return transport->exchange(exchange);
}

namespace {

int32_t open(const jp_host* host, const void** table, jp_error* err) noexcept {
  return detail::guard(err, [&] {
    static Session session(*host);
    *table = &session.table();
  });
}

}  // namespace

}  // namespace jetpack::session

extern "C" JP_EXPORT constexpr jetpack::ServiceModule jetpack_service_v1 = {
    sizeof(jetpack::ServiceModule), 0, &jetpack::session::open};
