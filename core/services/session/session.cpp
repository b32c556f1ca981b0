// The session service: jetpack.session/1 as a module that the host loads on first use.
#include "services/session/session.hpp"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>

#include "services/module.hpp"
#include "services/module_host.hpp"
#include "services/node/metadata.hpp"
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
#include "support/settings.hpp"
#include "support/sha256.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest_wait = std::chrono::hours(24 * 365);
constexpr milliseconds default_request_timeout{10000};
constexpr uint64_t default_max_reply = 16 << 20;

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

}  // namespace

std::string own_directory() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_directory), &info) == 0 ||
      info.dli_fname == nullptr)
    throw Error(Errc::internal, "cannot find the directory of the session module");
  const std::string path(info.dli_fname);
  return path.substr(0, path.rfind('/'));
}

void sleep_for(milliseconds time) {
  timespec rest{time.count() / 1000, (time.count() % 1000) * 1'000'000};
  while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

milliseconds bounded(int64_t ms) {
  return std::min(milliseconds{std::max<int64_t>(ms, 0)}, longest_wait);
}

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

namespace {

jp_delivered delivered(const Drained& drained) {
  jp_delivered result{};
  result.size = sizeof result;
  result.outcome = static_cast<uint32_t>(drained.outcome);
  result.messages = drained.messages;
  result.dead = drained.dead;
  result.retry_ms = drained.retry_after.count();
  result.note_size = boundary::copy_text(result.note, sizeof result.note, drained.note);
  return result;
}

}  // namespace

jp_delivered Session::drain(int64_t time_ms) {
  const std::unique_lock lock(draining_mutex_, std::try_to_lock);
  if (!lock)
    return delivered({JP_BUSY, 0, 0, milliseconds::zero(), "another thread is delivering"});
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
  return delivered(drained);
}

namespace {

Request checked(const jp_request& raw) {
  Request request;
  request.method = boundary::view(raw.method);
  request.path = boundary::view(raw.path);
  check_request(request.method, request.path);
  request.content_type = raw.body_is_json != 0 ? "application/json" : "application/octet-stream";
  request.body = boundary::view(raw.body);
  request.timeout = raw.timeout_ms > 0 ? bounded(raw.timeout_ms) : default_request_timeout;
  request.max_reply = raw.max_reply > 0 ? raw.max_reply : default_max_reply;
  return request;
}

}  // namespace

// The client is kept for its connection, or its TLS session where the server has closed that:
// jetpackd asks every minute, and a whole handshake is most of what that costs the server. A client
// that trusted another CA is not kept. Several threads may ask: one that finds the client in use
// opens another.
Response Session::request(const jp_request& raw) {
  const Request request = checked(raw);
  const node::Server server = settings().server();
  const std::unique_lock lock(server_.in_use, std::try_to_lock);
  if (!lock.owns_lock()) return connect(server)->exchange(request);
  const auto stamps = stamps_of({server.ca_file});
  if (!server_.client || server != server_.server || stamps != server_.stamps) {
    server_.client = connect(server);
    server_.server = server;
    server_.stamps = stamps;
  }
  return server_.client->exchange(request);
}

// It is asked every second, so the connection is kept, and the configuration read only when it has
// changed.
Response Session::metadata(const jp_request& raw) {
  Request request = checked(raw);
  request.headers = {{node::metadata_header, "true"}};
  const auto open = [&] {
    node::Server service;
    service.url = node::metadata_url(host_);
    return connect(service);
  };
  const std::unique_lock lock(metadata_.in_use, std::try_to_lock);
  if (!lock.owns_lock()) return open()->exchange(request);
  const auto stamps = stamps_of({host_.path("config/node.json"), host_.path("config/local.json"),
                                 host_.path("config/configuration.json")});
  if (!metadata_.client || stamps != metadata_.stamps) {
    metadata_.client = open();
    metadata_.stamps = stamps;
  }
  return metadata_.client->exchange(request);
}

namespace {

int32_t open(const jp_host* host, const void** table, jp_error* err) noexcept {
  return boundary::guard(err, [&] { *table = service_table<Session>(*host); });
}

}  // namespace

}  // namespace jetpack::session

extern "C" JP_EXPORT constexpr jetpack::ServiceModule jetpack_service_v1 = {
    sizeof(jetpack::ServiceModule), 0, &jetpack::session::open};
