// The session service: jetpack.session/1 as a module that the host loads on first use.
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>
#include <tuple>

#include <jetpack/error.hpp>
#include "services/module.hpp"
#include "services/module_host.hpp"
#include "services/results.hpp"
#include "services/session/broker.hpp"
#include "services/session/broker_carrier.hpp"
#include "services/session/delivery.hpp"
#include "services/session/identity.hpp"
#include "services/session/outbox.hpp"
#include "services/session/server_carrier.hpp"
#include "services/session/transport.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/settings.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

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
// The headers go in one frame, of which the least that a broker may ask for is 4 KiB; RabbitMQ
// takes 128 KiB.
constexpr size_t max_headers = 64 << 10;

void sleep_for(milliseconds time) {
  timespec rest{time.count() / 1000, (time.count() % 1000) * 1'000'000};
  while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  return support::is_utf8(name) ? name : std::string();
}

// The folder that this library stands in, where its transports are too.
std::string own_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0 || info.dli_fname == nullptr)
    throw Error(Errc::internal, "cannot find the folder of the session module");
  const std::string path(info.dli_fname);
  return path.substr(0, path.rfind('/'));
}

void check_message(std::string_view type, std::string_view data) {
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (type.empty() || type.size() > max_type || !std::all_of(type.begin(), type.end(), is_plain))
    throw Error(Errc::usage, "a message's type must be 1 to " + std::to_string(max_type) +
                                 " printable ASCII characters without blanks");
  if (data.size() > max_data)
    throw Error(Errc::usage, "the message's data has " + std::to_string(data.size()) +
                                 " bytes, and at most " + std::to_string(max_data) + " are taken");
  if (!support::Json::parse(data, "the message's data", {}, support::JsonRules::strict)
           .root()
           .IsObject())
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

void check_short_string(const char* what, std::string_view text) {
  if (text.size() > max_short_string)
    throw Error(Errc::usage, std::string("the ") + what + " has " + std::to_string(text.size()) +
                                 " bytes, and AMQP allows " + std::to_string(max_short_string));
  if (!support::is_utf8(text) || text.find('\0') != std::string_view::npos)
    throw Error(Errc::usage, std::string("the ") + what + " is not UTF-8 text");
}

void check_headers(const jp_letter& letter) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < letter.header_count; ++i) {
    const auto name = detail::view(letter.headers[i].name);
    const auto value = detail::view(letter.headers[i].value);
    check_short_string("name of a header", name);
    if (name.empty()) throw Error(Errc::usage, "a header has an empty name");
    if (!support::is_utf8(value))
      throw Error(Errc::usage, "the header " + std::string(name) + " is not UTF-8 text");
    bytes += name.size() + value.size();
  }
  if (bytes > max_headers)
    throw Error(Errc::usage, "the headers have " + std::to_string(bytes) + " bytes, and at most " +
                                 std::to_string(max_headers) + " are taken");
}

void check_content_type(std::string_view type) {
  const auto is_plain = [](char c) { return c >= ' ' && c < '\x7f'; };
  if (type.size() > max_short_string || !std::all_of(type.begin(), type.end(), is_plain))
    throw Error(Errc::usage, "the content type must be at most 255 printable ASCII characters");
}

void check_letter(const jp_letter& letter) {
  const auto address = detail::view(letter.address);
  const auto exchange = detail::view(letter.exchange);
  check_content_type(detail::view(letter.content_type));
  if (letter.channel == JP_TO_SERVER) {
    check_request(detail::view(letter.method), address);
    if (!exchange.empty() || letter.header_count > 0)
      throw Error(Errc::usage, "a letter to the server has no exchange and no headers");
    return;
  }
  if (letter.channel != JP_TO_BROKER)
    throw Error(Errc::usage, "a letter goes to the server or to the broker");
  check_short_string("routing key", address);
  check_short_string("exchange's name", exchange);
  if (exchange.empty() && address.empty())
    throw Error(Errc::usage,
                "the default exchange takes the name of a queue as the routing key, and it is "
                "empty");
  check_headers(letter);
}

// What tells that a file is another one or has another content.
using Stamp = std::tuple<dev_t, ino_t, off_t, int64_t, int64_t>;

Stamp stamp_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

std::vector<Stamp> stamps_of(const std::vector<std::string>& paths) {
  std::vector<Stamp> stamps;
  stamps.reserve(paths.size());
  for (const auto& path : paths) stamps.push_back(stamp_of(path));
  return stamps;
}

milliseconds bounded(int64_t ms) {
  return std::min(milliseconds{std::max<int64_t>(ms, 0)}, longest_wait);
}

}  // namespace

class Session {
 public:
  explicit Session(const jp_host& host) : host_(host) {}

  const jp_session& table() const { return table_; }

  std::string identity(std::string_view fact) const;
  jp_receipt publish(const jp_message& raw);
  jp_receipt send(const jp_letter& raw);
  Answer request(const jp_request& raw) const;
  jp_delivered drain(int64_t time_ms);

  std::string outbox_state() { return outbox().describe(); }

 private:
  // What drain() keeps between calls. It is apart from all else, so that it may run in a thread of
  // its own.
  struct Draining {
    explicit Draining(Outbox::Options options) : outbox(std::move(options)) {}

    Outbox outbox;
    std::vector<std::string> sources;
    std::vector<Stamp> stamps;  // of the sources, when `delivery` was made
    std::optional<Delivery> delivery;
  };

  Facts facts() const {
    return Facts(host_.path("config"), [this](std::string_view key) { return host_.setting(key); });
  }

  uint64_t outbox_cap() const {
    return static_cast<uint64_t>(host_.number("cyclecloud.jetpack.outbox_max_mib")) << 20;
  }

  Outbox::Options outbox_options() const {
    return {host_.path("run"), [this] { return outbox_cap(); },
            [this](const std::string& text) { host_.warn(text); }};
  }

  Outbox& outbox() {
    if (!outbox_) outbox_.emplace(outbox_options());
    return *outbox_;
  }

  void check_size(std::string_view body) const;
  Message store(Message message);
  jp_receipt take(Message taken, int64_t wait_ms);
  void refresh(Draining& draining) const;
  Delivery::Options delivery_options(const Facts& known) const;
  std::unique_ptr<Carrier> carrier(const Facts& known, Lane lane) const;
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
  static int32_t send_entry(void* self, const jp_letter* letter, jp_receipt* receipt,
                            jp_error* err) noexcept {
    return detail::guard(err, [&] { hand_out(from(self).send(*letter), receipt); });
  }
  static int32_t deliver_entry(void* self, int64_t time_ms, jp_delivered* result,
                               jp_error* err) noexcept {
    return detail::guard(err, [&] { hand_out(from(self).drain(time_ms), result); });
  }
  static int32_t outbox_entry(void* self, jp_sink json, jp_error* err) noexcept {
    return detail::guard(err, [&] { write_to(json, from(self).outbox_state()); });
  }

  ModuleHost host_;
  std::optional<Outbox> outbox_;
  std::optional<Draining> draining_;
  jp_session table_{sizeof(jp_session),
                    0,
                    this,
                    &identity_entry,
                    &publish_entry,
                    &request_entry,
                    &outbox_entry,
                    &send_entry,
                    &deliver_entry};
};

std::string Session::identity(std::string_view fact) const {
  const Facts known = facts();
  auto value = known.fact(fact);
  if (!value)
    throw Error(Errc::not_found, "this node's " + std::string(fact) + " is not configured");
  if (fact == "userdata" && value->empty())
    value = sha256_by(own_folder() + "/https.so", known.userdata_seed().value_or(""))
                .substr(0, userdata_digits);
  return *value;
}

std::unique_ptr<Transport> Session::connect(const Server& server) const {
  if (!server.verify)
    host_.warn("the certificate of " + server.url + " is not checked: validation is switched off");
  return load_transport(own_folder() + "/https.so", server);
}

Message Session::store(Message message) {
  message.id = make_uuid();
  message.time = support::iso_8601(std::chrono::system_clock::now());
  message.hostname = host_name();
  try {
    message.from = facts().identity_from_files();
  } catch (const Error& e) {
    // A message is taken whatever the state of the node; delivery tells what has to be mended.
    host_.warn(e.what());
  }
  return outbox().add(std::move(message));
}

jp_receipt Session::publish(const jp_message& raw) {
  check_message(detail::view(raw.type), detail::view(raw.data));
  Message message;
  message.type = detail::view(raw.type);
  message.data = detail::view(raw.data);
  return take(std::move(message), raw.wait_ms);
}

void Session::check_size(std::string_view body) const {
  if (body.size() <= size_t{1} << 20) return;
  constexpr std::string_view key = "cyclecloud.jetpack.send_max_mib";
  const int64_t mib = host_.number(key);
  if (body.size() > static_cast<size_t>(mib) << 20)
    throw Error(Errc::failed, "the letter has " + std::to_string(body.size()) +
                                  " bytes, and at most " + std::to_string(mib) +
                                  " MiB are taken; raise " + std::string(key) + ", at most " +
                                  std::to_string(support::setting(key).most) + ", or send less");
}

jp_receipt Session::send(const jp_letter& raw) {
  check_letter(raw);
  check_size(detail::view(raw.body));
  const bool is_to_broker = raw.channel == JP_TO_BROKER;
  // Without a broker a letter would wait until somebody wonders.
  if (is_to_broker) static_cast<void>(facts().broker());
  Message message;
  message.kind = is_to_broker ? Kind::letter_to_broker : Kind::letter_to_server;
  message.type = "letter";
  message.data = detail::view(raw.body);
  Letter& letter = message.letter;
  letter.method = is_to_broker ? "" : detail::view(raw.method);
  letter.address = detail::view(raw.address);
  letter.exchange = detail::view(raw.exchange);
  letter.content_type = detail::view(raw.content_type);
  if (letter.content_type.empty())
    letter.content_type = is_to_broker ? "application/octet-stream" : "application/json";
  for (uint32_t i = 0; i < raw.header_count; ++i)
    letter.headers.emplace_back(detail::view(raw.headers[i].name),
                                detail::view(raw.headers[i].value));
  letter.persistent = raw.persistent != 0;
  return take(std::move(message), raw.wait_ms);
}

// Stores it, and has it delivered as `wait_ms` says.
jp_receipt Session::take(Message taken, int64_t wait_ms) {
  Message message = store(std::move(taken));
  std::optional<std::string> note;
  try {
    note = settle(message, wait_ms);
  } catch (const Error& e) {
    note = e.what();
  }
  jp_receipt receipt{};
  receipt.size = sizeof receipt;
  receipt.delivery = note ? JP_QUEUED : JP_DELIVERED;
  detail::copy_text(receipt.id, sizeof receipt.id - 1, message.id);
  if (note) receipt.note_size = detail::copy_text(receipt.note, sizeof receipt.note, *note);
  if (!note && outbox().state_of(message) == Outbox::State::dead)
    throw Error(
        Errc::failed,
        std::string(message.kind == Kind::message ? "the message" : "the letter") +
            " was refused for good and is kept as a dead letter: " + outbox().reason_of(message));
  return receipt;
}

// Tries to have the message delivered in time; says why it still waits.
std::optional<std::string> Session::settle(Message& message, int64_t wait_ms) {
  if (support::FileLock::is_held(host_.path("run/jetpackd.lock")))
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
  return Delivery(outbox(), delivery_options(facts())).deliver(message, deadline);
}

Delivery::Options Session::delivery_options(const Facts& known) const {
  Delivery::Options options;
  options.lock_path = shared_file(host_.path("run"), "outbox.lock");
  options.messages = known.channel() == Facts::Channel::amqp ? Lane::broker : Lane::server;
  options.connect = [this, known](Lane lane) { return carrier(known, lane); };
  options.warn = [this](const std::string& text) { host_.warn(text); };
  options.pause = sleep_for;
  return options;
}

std::unique_ptr<Carrier> Session::carrier(const Facts& known, Lane lane) const {
  const Identity identity = known.identity();
  if (lane == Lane::server) {
    const Server server = known.server();
    return std::make_unique<ServerCarrier>(server.url, identity,
                                           [this, server] { return connect(server); });
  }
  const BrokerAddress address = known.broker();
  if (!address.verify)
    host_.warn("the certificate of " + address.text() +
               " is not checked: validation is switched off");
  return std::make_unique<BrokerCarrier>(
      BrokerRoute{known.exchange(), routing_key_of(identity), address.username}, identity,
      [address] { return load_broker(own_folder() + "/amqp.so", address); });
}

// Makes the delivery anew when what it was made from has changed: what a person has mended is tried
// at once.
void Session::refresh(Draining& draining) const {
  if (draining.delivery && stamps_of(draining.sources) == draining.stamps) return;
  draining.delivery.reset();
  const Facts known = facts();
  draining.sources = known.sources();
  draining.stamps = stamps_of(draining.sources);
  draining.delivery.emplace(draining.outbox, delivery_options(known));
}

jp_delivered Session::drain(int64_t time_ms) {
  if (!draining_) draining_.emplace(outbox_options());
  Drained drained;
  try {
    refresh(*draining_);
    drained = draining_->delivery->drain(bounded(time_ms));
  } catch (const Error& e) {
    if (draining_->delivery) throw;
    drained.outcome = JP_STOPPED;
    drained.note = e.what();
  }
  jp_delivered result{};
  result.size = sizeof result;
  result.outcome = static_cast<uint32_t>(drained.outcome);
  result.messages = drained.messages;
  result.dead = drained.dead;
  result.retry_ms = drained.retry_after.count();
  result.note_size = detail::copy_text(result.note, sizeof result.note, drained.note);
  return result;
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
  return detail::guard(err, [&] { *table = service_table<Session>(*host); });
}

}  // namespace

}  // namespace jetpack::session

extern "C" JP_EXPORT constexpr jetpack::ServiceModule jetpack_service_v1 = {
    sizeof(jetpack::ServiceModule), 0, &jetpack::session::open};
