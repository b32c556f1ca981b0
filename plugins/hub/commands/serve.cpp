// The command `hub serve`.
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "azure/metadata_server.hpp"
#include "blobs/blob_keeper.hpp"
#include "blobs/blob_server.hpp"
#include "broker/consumer.hpp"
#include "commands/commands.hpp"
#include "commands/options.hpp"
#include "common/certificates.hpp"
#include "common/limits.hpp"
#include "common/served_certificate.hpp"
#include "common/storage_quotas.hpp"
#include "server/accounts.hpp"
#include "server/health.hpp"
#include "server/http_server.hpp"
#include "server/locker.hpp"
#include "server/page.hpp"
#include "server/upkeep.hpp"
#include "server/watcher.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/log_file.hpp"
#include "support/notifier.hpp"

namespace jetpack::hub {

namespace {

constexpr uint64_t max_log_bytes = 16 << 20;

// Blocks the signals that serve() waits for while the object lives. Created before any thread,
// so that all of them inherit it.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
    std::signal(SIGPIPE, SIG_IGN);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  // The signal, or -1 when none has come within the time.
  int wait(std::chrono::milliseconds time) const {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const timespec limit{seconds.count(), std::chrono::nanoseconds(time - seconds).count()};
    return sigtimedwait(&set_, nullptr, &limit);
  }

 private:
  sigset_t set_{}, before_{};
};

// Until a signal asks for the end; returns that.
int keep_up(const Signals& signals, Upkeep& upkeep) {
  for (;;) {
    const int signal = signals.wait(upkeep.interval());
    if (signal == SIGHUP) {
      upkeep.reload();
    } else if (signal > 0) {
      return signal;
    }
    upkeep.tick();
  }
}

struct Listen {
  std::string host, port;
};

Listen split_listen(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == listen.size())
    throw Error(Errc::usage, "cannot listen on '" + listen + "': expected HOST:PORT");
  std::string host = listen.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return {host, listen.substr(colon + 1)};
}

bool is_any_address(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

// How nodes reach the hub, unless --url says so.
std::string advertised_host(const Listen& listen, const std::vector<std::string>& names) {
  if (!is_any_address(listen.host)) return listen.host;
  return names.empty() ? host_name() : names.front();
}

std::vector<std::string> names_option(const Call& call, const Listen& listen) {
  std::vector<std::string> names;
  for (const auto name : call.texts("name")) names.emplace_back(name);
  if (names.empty() && is_any_address(listen.host)) names.push_back(host_name());
  if (!is_any_address(listen.host)) names.push_back(listen.host);
  return names;
}

// Where the hub serves; "" for what it does not.
struct Addresses {
  std::string url, blobs, metadata;
};

// The certificate that the hub serves with, and how it is renewed.
struct Certificates {
  CertificateFiles files;
  std::filesystem::path authority_file;  // what nodes have to trust; "" where they do already
  std::string authority;                 // its content
  std::function<void()> renew;
};

// The hub's own, unless --cert names another.
Certificates certificate_options(const Call& call, const DataDirectory& data,
                                 const std::vector<std::string>& names) {
  if (const auto own = call.text("cert")) {
    const std::string file(*own), key(call.text("key").value_or(*own));
    return {{file, key}, {}, {}, {}};
  }
  if (call.given("key")) throw Error(Errc::usage, "--key needs --cert FILE");
  const auto authority = ensure_authority(data.certificates());
  const auto renew = [data, names] { ensure_server_certificate(data.certificates(), names); };
  const auto file = ensure_server_certificate(data.certificates(), names);
  return {
      {file, file}, authority, support::read_file(authority.string(), max_pem).value_or(""), renew};
}

std::string status_json(const Addresses& addresses, const Certificates& certificates,
                        const DataDirectory& data) {
  return support::json_object([&](support::Object& object) {
           object.text("url", addresses.url);
           if (!addresses.blobs.empty()) object.text("blobs", addresses.blobs);
           if (!addresses.metadata.empty()) object.text("metadata", addresses.metadata);
           if (!certificates.authority_file.empty())
             object.text("ca", certificates.authority_file.string());
           object.number("pid", ::getpid()).text("data", data.root.string());
         }) +
         "\n";
}

std::optional<BrokerAddress> broker_option(const Call& call) {
  const auto url = secret_option(call, "broker");
  if (!url && call.given("broker-ca")) throw Error(Errc::usage, "--broker-ca needs --broker URL");
  if (!url) return std::nullopt;
  return parse_broker_url(*url, call.text("broker-ca").value_or(""));
}

Limits limits_option(const Call& call) {
  Limits limits;
  for (const auto text : call.texts("client-limit")) set_limit(limits, text);
  fit_open_files(limits);
  return limits;
}

StorageQuotas quotas_option(const Call& call) {
  StorageQuotas quotas;
  for (const auto text : call.texts("quota")) set_storage_quota(quotas, text);
  return quotas;
}

// A hub that was killed or is stopping holds its lock until its process is gone: a successor
// that is started at once should not fail for that.
support::FileLock only_instance(const DataDirectory& data) {
  constexpr std::chrono::milliseconds longest_end{3000};
  auto lock = support::FileLock::attempt(data.lock(), 0600, longest_end);
  if (!lock) {
    const std::string holder = support::read_file(data.lock(), 64).value_or("");
    throw Error(Errc::unavailable, "failed to serve " + data.root.string() +
                                       ": another hub serves it, process " +
                                       (holder.empty() ? "unknown" : holder) +
                                       "\nStop that one, or choose another directory with --data.");
  }
  lock->note(std::to_string(::getpid()));
  return *std::move(lock);
}

std::string url_of(const std::string& host, uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return "https://" + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

// The blob store and its locker, while the hub serves.
class BlobService {
 public:
  BlobService(const Call& call, const DataDirectory& data, const Listen& listen,
              const std::string& host, Database& database, const support::LogFile& log,
              ServedCertificate& certificate, const Limits& limits, const StorageQuotas& quotas)
      : store_(data.blobs(), quotas),
        keeper_(store_, log),
        account_(ensure_blob_account(data)),
        server_(
            store_, account_,
            [&database](const std::string& policy) { return is_policy_in_force(database, policy); },
            log, with_port(listen.host, *call.integer("blob-port")), certificate, limits),
        endpoint_(url_of(host, server_.port()) + "/" + account_.name),
        locker_(store_, account_, endpoint_) {}

  const std::string& endpoint() const { return endpoint_; }
  const Locker& locker() const { return locker_; }

 private:
  static std::string with_port(const std::string& host, int64_t port) {
    const bool is_v6 = host.find(':') != std::string::npos;
    return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  }

  BlobStore store_;
  BlobKeeper keeper_;
  BlobAccount account_;
  BlobServer server_;
  std::string endpoint_;
  Locker locker_;
};

// The host of a URL.
std::string host_of(const std::string& url) {
  const size_t begin = url.find("://") == std::string::npos ? 0 : url.find("://") + 3;
  const std::string host = url.substr(begin, url.find('/', begin) - begin);
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

}  // namespace

int serve(const Call& call) {
  const Signals signals;
  const support::Notifier notifier;
  const std::string listen(*call.text("listen"));
  const Listen parts = split_listen(listen);
  const auto names = names_option(call, parts);
  const auto broker = broker_option(call);
  const Limits limits = limits_option(call);
  const StorageQuotas quotas = quotas_option(call);
  const PageFiles page(bundled_page_directory());
  const DataDirectory data = open_data_directory(data_option(call));
  const support::FileLock instance = only_instance(data);
  Certificates certificates = certificate_options(call, data, names);
  ServedCertificate certificate(certificates.files, certificates.authority);
  Database database(database_option(call, data));
  Accounts accounts(database);
  const support::LogFile log(data.log(), max_log_bytes,
                             [] { return support::LogOrigin{"hub serve"}; });
  EventFeed feed;
  database.on_commit([&feed](const Position& position) { feed.announce(position); });
  feed.announce(database.position());
  const Watcher watcher(database, feed, log);
  Liveness liveness(database, log);
  Intake intake(database, log, {*call.integer("keep"), quotas});
  ByteRate message_rate("messages-mib-per-node-and-hour",
                        quotas.messages_mib_per_node_and_hour * bytes_in_mib);
  Counters counters;
  std::optional<Consumer> consumer;
  if (broker)
    consumer.emplace(Consumer::Services{database, intake, liveness, message_rate, counters, log},
                     *broker);

  // Nodes reach the blobs at the same host.
  const std::string host =
      call.given("url") ? host_of(std::string(*call.text("url"))) : advertised_host(parts, names);
  std::optional<BlobService> blobs;
  if (!call.flag("no-blobs"))
    blobs.emplace(call, data, parts, host, database, log, certificate, limits, quotas);
  const HttpServer server({database, accounts, log, feed, page, intake, liveness, message_rate,
                           counters, blobs ? &blobs->locker() : nullptr, certificate},
                          listen, certificate, limits);
  const std::string url =
      call.given("url") ? std::string(*call.text("url")) : url_of(host, server.port());
  std::optional<MetadataServer> azure;
  if (call.flag("simulate-azure"))
    azure.emplace(database, ensure_blob_account(data), log, data,
                  static_cast<uint16_t>(*call.integer("metadata-port")), limits);
  const std::string status = status_json(
      {url, blobs ? blobs->endpoint() : "", azure ? azure->url() : ""}, certificates, data);
  support::write_durably(data.status(), status, 0600);
  log.info("serving " + url);
  call.print(status);
  notifier.notify("READY=1\nSTATUS=serving " + url);
  const std::string own_host = is_any_address(parts.host) ? "localhost" : parts.host;
  Upkeep upkeep({database, log, certificate, notifier, certificates.renew,
                 [&] { return does_answer(own_host, server.port()); }});
  const int signal = keep_up(signals, upkeep);
  notifier.notify("STOPPING=1");
  log.info("stopping on signal " + std::to_string(signal));
  return 0;
}

}  // namespace jetpack::hub
