// The session service: jetpack.session/1 as a module that the host loads on first use.
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>
#include <tuple>

#include <jetpack/boundary.hpp>
#include "services/module.hpp"
#include "services/module_host.hpp"
#include "services/node/node_settings.hpp"
#include "services/results.hpp"
#include "services/session/broker.hpp"
#include "services/session/broker_transport.hpp"
#include "services/session/checks.hpp"
#include "services/session/delivery.hpp"
#include "services/session/https_module.hpp"
#include "services/session/outbox.hpp"
#include "services/session/server_transport.hpp"
#include "services/session/shared_file.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/random.hpp"
#include "support/settings.hpp"
#include "support/sha256.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds default_wait{5000};
constexpr milliseconds longest_wait = std::chrono::hours(24 * 365);
constexpr milliseconds default_request_timeout{10000};
constexpr uint64_t default_max_reply = 16 << 20;

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

// The directory that this library stands in, where its transports are too.
std::string own_directory() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_directory), &info) == 0 ||
      info.dli_fname == nullptr)
    throw Error(Errc::internal, "cannot find the directory of the session module");
  const std::string path(info.dli_fname);
  return path.substr(0, path.rfind('/'));
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
  Response request(const jp_request& raw) const;
  jp_delivered drain(int64_t time_ms);

  // To look at the queue does not wait for others: `jetpack status` is for when they hang.
  std::string outbox_state() {
    constexpr milliseconds patience{250};
    if (outbox_) return outbox_->describe();
    Outbox::Options options = outbox_options();
    options.patience = patience;
    return Outbox(std::move(options)).describe();
  }

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

  node::NodeSettings settings() const { return node::node_settings(host_); }

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
  jp_receipt accept(Message accepted, int64_t wait_ms);
  void refresh(Draining& draining) const;
  Delivery::Options delivery_options(const node::NodeSettings& known) const;
  std::unique_ptr<Transport> transport(const node::NodeSettings& known, Route route) const;
  std::optional<std::string> settle(Message& message, int64_t wait_ms);
  std::optional<std::string> leave_to_daemon(Message& message, int64_t wait_ms);
  std::optional<std::string> deliver(Message& message, milliseconds wait);
  std::unique_ptr<HttpsClient> connect(const node::Server& server) const;

  static Session& from(void* self) { return *static_cast<Session*>(self); }
  static int32_t identity_entry(void* self, jp_str fact, jp_sink out, jp_error* err) noexcept {
    return boundary::guard(err, [&] { write_to(out, from(self).identity(boundary::view(fact))); });
  }
  static int32_t publish_entry(void* self, const jp_message* message, jp_receipt* receipt,
                               jp_error* err) noexcept {
    return boundary::guard(err, [&] { hand_out(from(self).publish(*message), receipt); });
  }
  static int32_t request_entry(void* self, const jp_request* request, jp_reply* reply, jp_sink body,
                               jp_error* err) noexcept {
    return boundary::guard(err, [&] {
      const Response response = from(self).request(*request);
      write_to(body, response.body);
      hand_out(jp_reply{sizeof(jp_reply), response.status}, reply);
    });
  }
  static int32_t send_entry(void* self, const jp_letter* letter, jp_receipt* receipt,
                            jp_error* err) noexcept {
    return boundary::guard(err, [&] { hand_out(from(self).send(*letter), receipt); });
  }
  static int32_t deliver_entry(void* self, int64_t time_ms, jp_delivered* result,
                               jp_error* err) noexcept {
    return boundary::guard(err, [&] { hand_out(from(self).drain(time_ms), result); });
  }
  static int32_t outbox_entry(void* self, jp_sink json, jp_error* err) noexcept {
    return boundary::guard(err, [&] { write_to(json, from(self).outbox_state()); });
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
  const node::NodeSettings known = settings();
  auto value = known.fact(fact);
  if (!value)
    throw Error(Errc::not_found, "this node's " + std::string(fact) + " is not configured");
  if (fact == "userdata" && value->empty())
    value =
        support::sha256_hex(known.userdata_seed().value_or("")).substr(0, node::userdata_digits);
  return *value;
}

std::unique_ptr<HttpsClient> Session::connect(const node::Server& server) const {
  if (!server.verify)
    host_.warn("the certificate of " + server.url + " is not checked: validation is switched off");
  return load_https_client(own_directory() + "/https.so", server);
}

Message Session::store(Message message) {
  message.id = support::random_uuid();
  message.time = support::iso_8601(std::chrono::system_clock::now());
  message.hostname = host_name();
  try {
    message.from = settings().identity_from_files();
  } catch (const Error& e) {
    // A message is accepted whatever the state of the node; delivery reports what has to be fixed.
    host_.warn(e.what());
  }
  return outbox().add(std::move(message));
}

jp_receipt Session::publish(const jp_message& raw) {
  check_message(boundary::view(raw.type), boundary::view(raw.data));
  Message message;
  message.type = boundary::view(raw.type);
  message.data = boundary::view(raw.data);
  return accept(std::move(message), raw.wait_ms);
}

void Session::check_size(std::string_view body) const {
  if (body.size() <= size_t{1} << 20) return;
  constexpr std::string_view key = "cyclecloud.jetpack.send_max_mib";
  const int64_t mib = host_.number(key);
  if (body.size() > static_cast<size_t>(mib) << 20)
    throw Error(Errc::failed, "the letter has " + std::to_string(body.size()) +
                                  " bytes, and at most " + std::to_string(mib) +
                                  " MiB are allowed; raise " + std::string(key) + ", at most " +
                                  std::to_string(support::setting(key).most) + ", or send less");
}

jp_receipt Session::send(const jp_letter& raw) {
  check_letter(raw);
  check_size(boundary::view(raw.body));
  const bool is_to_broker = raw.channel == JP_TO_BROKER;
  // Without a broker a letter would wait forever, unnoticed.
  if (is_to_broker) static_cast<void>(settings().broker());
  Message message;
  message.kind = is_to_broker ? Kind::letter_to_broker : Kind::letter_to_server;
  message.type = "letter";
  message.data = boundary::view(raw.body);
  Letter& letter = message.letter;
  letter.method = is_to_broker ? "" : boundary::view(raw.method);
  letter.address = boundary::view(raw.address);
  letter.exchange = boundary::view(raw.exchange);
  letter.content_type = boundary::view(raw.content_type);
  if (letter.content_type.empty())
    letter.content_type = is_to_broker ? "application/octet-stream" : "application/json";
  for (uint32_t i = 0; i < raw.header_count; ++i)
    letter.headers.emplace_back(boundary::view(raw.headers[i].name),
                                boundary::view(raw.headers[i].value));
  letter.persistent = raw.persistent != 0;
  return accept(std::move(message), raw.wait_ms);
}

// Stores it, and has it delivered as `wait_ms` says.
jp_receipt Session::accept(Message accepted, int64_t wait_ms) {
  Message message = store(std::move(accepted));
  std::optional<std::string> note;
  try {
    note = settle(message, wait_ms);
  } catch (const Error& e) {
    note = e.what();
  }
  jp_receipt receipt{};
  receipt.size = sizeof receipt;
  receipt.delivery = note ? JP_QUEUED : JP_DELIVERED;
  boundary::copy_text(receipt.id, sizeof receipt.id - 1, message.id);
  if (note) receipt.note_size = boundary::copy_text(receipt.note, sizeof receipt.note, *note);
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
  return Delivery(outbox(), delivery_options(settings())).deliver(message, deadline);
}

Delivery::Options Session::delivery_options(const node::NodeSettings& known) const {
  Delivery::Options options;
  options.lock_path = shared_file(host_.path("run"), "outbox.lock");
  options.messages = known.message_route();
  options.connect = [this, known](Route route) { return transport(known, route); };
  options.warn = [this](const std::string& text) { host_.warn(text); };
  options.pause = sleep_for;
  return options;
}

std::unique_ptr<Transport> Session::transport(const node::NodeSettings& known, Route route) const {
  const node::Identity identity = known.identity();
  if (route == Route::server) {
    const node::Server server = known.server();
    return std::make_unique<ServerTransport>(server.url, identity,
                                             [this, server] { return connect(server); });
  }
  const node::BrokerAddress address = known.broker();
  if (!address.verify)
    host_.warn("the certificate of " + address.text() +
               " is not checked: validation is switched off");
  return std::make_unique<BrokerTransport>(
      BrokerTarget{known.exchange(), routing_key_of(identity), address.username}, identity,
      [address] { return load_broker(own_directory() + "/amqp.so", address); });
}

// Replaces the delivery when the files behind it have changed: a fix is tried at once.
void Session::refresh(Draining& draining) const {
  if (draining.delivery && stamps_of(draining.sources) == draining.stamps) return;
  draining.delivery.reset();
  const node::NodeSettings known = settings();
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
  result.note_size = boundary::copy_text(result.note, sizeof result.note, drained.note);
  return result;
}

Response Session::request(const jp_request& raw) const {
  const auto method = boundary::view(raw.method);
  const auto path = boundary::view(raw.path);
  check_request(method, path);
  const auto client = connect(settings().server());
  Request request;
  request.method = method;
  request.path = path;
  request.content_type = raw.body_is_json != 0 ? "application/json" : "application/octet-stream";
  request.body = boundary::view(raw.body);
  request.timeout = raw.timeout_ms > 0 ? bounded(raw.timeout_ms) : default_request_timeout;
  request.max_reply = raw.max_reply > 0 ? raw.max_reply : default_max_reply;
  return client->exchange(request);
}

namespace {

int32_t open(const jp_host* host, const void** table, jp_error* err) noexcept {
  return boundary::guard(err, [&] { *table = service_table<Session>(*host); });
}

}  // namespace

}  // namespace jetpack::session

extern "C" JP_EXPORT constexpr jetpack::ServiceModule jetpack_service_v1 = {
    sizeof(jetpack::ServiceModule), 0, &jetpack::session::open};
