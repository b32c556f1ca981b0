// Runs the daemon: a single instance, its main loop and its shutdown.
#include "jetpackd/daemon.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <jetpack/config.hpp>
#include "jetpackd/azure_events.hpp"
#include "jetpackd/board.hpp"
#include "jetpackd/event_monitor.hpp"
#include "jetpackd/http_server.hpp"
#include "jetpackd/memory.hpp"
#include "jetpackd/offer_runner.hpp"
#include "jetpackd/worker.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/log_file.hpp"
#include "support/notifier.hpp"
#include "support/settings.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::jetpackd {

namespace {

using boost::system::error_code;
using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;

constexpr unsigned lock_mode = 0660;
// SIGTERM must end the daemon within five seconds, whatever hangs.
constexpr milliseconds shutdown_timeout{4000};
constexpr milliseconds refresh_timeout{500};
// Longer than anything the worker does without reporting progress in between.
constexpr milliseconds stuck_after{45000};

int64_t configured(const jetpack::Config& config, const support::LogFile& log, const char* key) {
  std::optional<std::string> text;
  try {
    text = config.get(key);
  } catch (const Error& e) {
    // A new node has no configuration yet.
    if (e.code() != Errc::unavailable) log.warning(e.what());
  }
  return support::number_setting(key, text,
                                 [&](const std::string& warning) { log.warning(warning); });
}

class Daemon {
 public:
  Daemon(const jetpack::Call& call, const DaemonOptions& options)
      : call_(call),
        config_(call.service<jetpack::Config>()),
        log_(support::node_log(config_, "jetpackd", "jetpackd")),
        offers_(call, log_),
        worker_(
            call, board_, log_,
            {options.root, userdata_interval(), [this] { tell_hooks("on-ready"); },
             [this] { tell_hooks("on-config-change"); }, [this] { offers_.conditions_written(); }}),
        signals_(loop_, SIGTERM, SIGINT, SIGHUP),
        watchdog_(loop_),
        shutdown_timer_(loop_) {
    board_.update([&](State& state) {
      state.pid = ::getpid();
      state.version = call.host_version();
      state.started = support::iso_8601(std::chrono::system_clock::now());
    });
  }

  bool run_once() { return worker_.run_once(); }
  std::string failure() const {
    const State state = board_.read();
    return state.failure.text.empty() ? state.userdata_failure.text : state.failure.text;
  }

  int run() {
    log_.info("jetpackd " + board_.read().version + " started, pid " + std::to_string(::getpid()));
    for (const auto& problem : support::setting_problems(config_)) log_.warning(problem);
    serve_http();
    wait_for_signal();
    offers_.start();
    worker_.start();
    events_.emplace(
        call_, std::make_unique<AzureEvents>(call_.service<jetpack::Session>()), board_, log_,
        [this] { worker_.state_changed(); },
        [this](const CloudEvent& event) { tell_of_end(event); },
        [this] { return offers_.is_ending(); });
    events_->start();
    notifier_.notify("READY=1\nSTATUS=delivering\nMAINPID=" + std::to_string(::getpid()));
    feed_watchdog();
    loop_.run();
    worker_.join();
    offers_.stop();
    constexpr milliseconds patience{500};
    const bool is_over = events_->join(patience);
    log_.info("jetpackd stopped");
    // An answer of the cloud that may take minutes is not waited for.
    if (!is_over) std::_Exit(0);
    return 0;
  }

 private:
  void tell_hooks(const std::string& event) {
    offers_.happened(
        event, support::json_object([&](support::Object& json) {
          json.text("event", event).text("configuration", board_.read().userdata_version);
        }));
  }

  // The cloud is about to take the node away.
  void tell_of_end(const CloudEvent& event) {
    offers_.happened("on-shutdown", support::json_object([&](support::Object& json) {
                       json.text("event", "on-shutdown")
                           .text("id", event.id)
                           .text("type", event.kind)
                           .text("not_before", event.not_before);
                     }),
                     event.time_left);
  }

  milliseconds userdata_interval() {
    return std::chrono::seconds(configured(config_, log_, "cyclecloud.jetpack.userdata_interval"));
  }

  void serve_http() {
    const auto port =
        static_cast<uint16_t>(configured(config_, log_, "cyclecloud.jetpack.http_port"));
    if (port == 0) return;
    try {
      http_.emplace(loop_, port, [this](std::string_view path, HttpServer::Respond respond) {
        serve(path, std::move(respond));
      });
      board_.update([&](State& state) { state.http = "127.0.0.1:" + std::to_string(port); });
    } catch (const boost::system::system_error& e) {
      log_.warning("cannot listen on 127.0.0.1:" + std::to_string(port) + ": " +
                   e.code().message() +
                   "; set cyclecloud.jetpack.http_port to another port, or to 0");
    }
  }

  void serve(std::string_view path, HttpServer::Respond respond) {
    if (path == "/healthz") return respond(health());
    if (path != "/status" && path != "/metrics")
      return respond({404, "text/plain", "not found; try /status, /healthz or /metrics\n"});
    with_fresh_state([this, is_status = path == "/status", respond = std::move(respond)] {
      const State state = board_.read();
      if (is_status) return respond({200, "application/json", to_json(state) + '\n'});
      respond(
          {200, "text/plain; version=0.0.4; charset=utf-8", to_metrics(state) + health_metrics()});
    });
  }

  // What the health checks wrote; none while there is nothing that can be read.
  std::string health_metrics() const {
    constexpr uint64_t max_metrics = 256 << 10;
    try {
      const auto text = support::read_file(config_.path("run/health.prom"), max_metrics,
                                           support::Sharing::shared);
      return text ? support::well_formed(*text) : "";
    } catch (const Error&) {
      return "";
    }
  }

  HttpAnswer health() const {
    if (is_stopping_) return {503, "text/plain", "jetpackd is stopping\n"};
    if (board_.since_progress() > stuck_after) return {503, "text/plain", "the worker is stuck\n"};
    return {200, "text/plain", "ok\n"};
  }

  // Calls `then` once the worker has read the outbox, or after a timeout: an old state is better
  // than none.
  void with_fresh_state(std::function<void()> then) {
    auto timer = std::make_shared<boost::asio::steady_timer>(loop_, refresh_timeout);
    timer->async_wait([timer, then = std::move(then)](const error_code&) { then(); });
    worker_.refresh([this, timer] { boost::asio::post(loop_, [timer] { timer->cancel(); }); });
  }

  void wait_for_signal() {
    signals_.async_wait([this](const error_code& error, int signal) {
      if (error) return;
      wait_for_signal();
      if (signal != SIGHUP) return stop();
      log_.info("SIGHUP: fetching and delivering now");
      worker_.reset();
    });
  }

  void stop() {
    if (is_stopping_) return;
    is_stopping_ = true;
    notifier_.notify("STOPPING=1\nSTATUS=delivering queued messages");
    watchdog_.cancel();
    http_.reset();
    events_->stop();
    worker_.stop([this] { boost::asio::post(loop_, [this] { loop_.stop(); }); });
    shutdown_timer_.expires_after(shutdown_timeout);
    shutdown_timer_.async_wait([this](const error_code& error) {
      if (error) return;
      // Nothing is lost: undelivered messages are on disk.
      log_.warning("jetpackd stopped without waiting for unfinished work");
      std::_Exit(0);
    });
  }

  // Notifies the service manager only while this loop runs and the worker makes progress.
  void feed_watchdog() {
    worker_.ping();
    watchdog_.expires_after(watchdog_interval());
    watchdog_.async_wait([this](const error_code& error) {
      if (error) return;
      const auto limit = notifier_.watchdog();
      if (limit && board_.since_progress() < *limit) notifier_.notify("WATCHDOG=1");
      feed_watchdog();
    });
  }

  milliseconds watchdog_interval() const {
    constexpr milliseconds without{15000};
    const auto limit = notifier_.watchdog();
    if (!limit) return without;
    return std::max(std::chrono::duration_cast<milliseconds>(*limit / 3), milliseconds{10});
  }

  const jetpack::Call& call_;
  jetpack::Config config_;
  support::LogFile log_;
  Board board_;
  OfferRunner offers_;
  Worker worker_;
  std::optional<EventMonitor> events_;
  support::Notifier notifier_;
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer watchdog_, shutdown_timer_;
  std::optional<HttpServer> http_;
  bool is_stopping_ = false;
};

std::string running_instance(const jetpack::Config& config) {
  const auto json =
      support::read_file(config.path("run/jetpackd.json"), 1 << 20, support::Sharing::shared);
  if (!json) return "";
  try {
    const auto document = support::parse_json(*json, "run/jetpackd.json");
    return " (pid " + std::to_string(support::number_or(document, "pid", 0)) + ")";
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

int run_daemon(const jetpack::Call& call, const DaemonOptions& options) {
  configure_heap();
  ::signal(SIGPIPE, SIG_IGN);
  const auto config = call.service<jetpack::Config>();
  const std::string lock_path = config.path("run/jetpackd.lock");
  // What a killed predecessor had started may hold its lock for a moment.
  constexpr milliseconds patience{1000};
  const auto lock = support::FileLock::attempt(lock_path, lock_mode, patience);
  if (!lock)
    throw Error(Errc::unavailable, "another jetpackd is running" + running_instance(config) + ": " +
                                       lock_path + " is locked by " +
                                       support::FileLock::holder(lock_path) + "; stop it first");
  Daemon daemon(call, options);
  if (!options.once) return daemon.run();
  if (daemon.run_once()) return 0;
  throw Error(Errc::failed, "not everything was delivered and applied: " + daemon.failure());
}

}  // namespace jetpack::jetpackd
