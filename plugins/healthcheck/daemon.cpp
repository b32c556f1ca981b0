// The daemon: starts a process for each cycle, so that whatever happens in one, its memory, its
// descriptors and the services it has loaded are gone with it, and this process stays small.
#include "healthcheck/daemon.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>

#include <jetpack/config.hpp>
#include <jetpack/process.hpp>
#include "healthcheck/cycle.hpp"
#include "healthcheck/offered.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/log_file.hpp"
#include "support/notifier.hpp"
#include "support/program.hpp"
#include "support/text.hpp"

namespace jetpack::healthcheck {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr unsigned lock_mode = 0660;
// Beyond what its checks may take: reading, recording and delivering.
constexpr seconds overhead{60};
constexpr milliseconds longest_sleep{15000};
// INTERVAL as the unit comes, which must not hide the setting.
constexpr int64_t unit_minutes = 10;

class Daemon {
 public:
  explicit Daemon(const Call& call)
      : call_(call), log_(support::node_log(call.service<Config>(), "healthcheck", "healthcheck")) {
    sigset_t handled;
    sigemptyset(&handled);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, signal);
    ::sigprocmask(SIG_BLOCK, &handled, nullptr);
    signals_ = support::Fd(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  int run() {
    log_.info("healthcheck started, pid " + std::to_string(::getpid()));
    notifier_.notify("READY=1\nSTATUS=running the first cycle\nMAINPID=" +
                     std::to_string(::getpid()));
    while (!is_stopping_) {
      if (!cycle_ && Clock::now() >= std::min(next_, next_due_)) start_cycle();
      wait();
      if (cycle_) collect();
      // The service manager is notified only while the cycles make progress.
      if (!cycle_ || Clock::now() < overdue_) notifier_.notify("WATCHDOG=1");
    }
    notifier_.notify("STOPPING=1");
    cycle_.reset();
    log_.info("healthcheck stopped");
    return 0;
  }

 private:
  // Minutes in INTERVAL, where callers have changed it in the unit; else the setting.
  seconds interval(const Settings& settings) const {
    const char* text = std::getenv("INTERVAL");
    if (text == nullptr || *text == '\0') return settings.interval;
    const std::string_view value(text);
    int64_t minutes = 0;
    const auto [end, failure] = std::from_chars(text, text + value.size(), minutes);
    if (failure == std::errc{} && end == text + value.size() && minutes >= 1 && minutes <= 1440)
      return minutes == unit_minutes ? settings.interval : std::chrono::minutes(minutes);
    log_.warning("INTERVAL is '" + support::one_line(value.substr(0, 80)) +
                 "'; expected a whole number of minutes from 1 to 1440, using " +
                 std::to_string(settings.interval.count() / 60));
    return settings.interval;
  }

  void start_cycle() {
    const Settings settings = read_settings(call_);
    const bool is_full = Clock::now() >= next_;
    if (is_full) next_ = Clock::now() + interval(settings);
    next_due_ = Clock::time_point::max();
    const auto one = settings.limits.deadline + settings.limits.grace + seconds(2);
    ProcessSpec spec{{support::program_path(), "healthcheck", "--due"}, {"JETPACK_HOME=" + home_}};
    if (!is_full) spec.argv.emplace_back("--plugins");
    spec.directory = "/";
    spec.deadline = one * (1 + 256 / settings.limits.at_once) + longest_deadline + overhead;
    spec.capture_bytes = 64 << 10;
    overdue_ = Clock::now() + spec.deadline + overhead;
    try {
      cycle_.emplace(call_.service<Process>().start(std::move(spec)));
    } catch (const Error& e) {
      log_.error(std::string("cannot run the checks: ") + e.what());
    }
  }

  void collect() {
    try {
      const auto result = cycle_->result();
      if (!result) return;
      if (result->timed_out) log_.error("the cycle timed out and was ended");
      if (result->signal != 0)
        log_.error("the cycle was killed by signal " + std::to_string(result->signal));
      note_next(result->out);
      // Exit code 1 is a check that has not passed.
      const std::string_view said = support::trimmed(result->err);
      if (!said.empty()) log_.write(JP_LEVEL_WARNING, said);
    } catch (const Error& e) {
      log_.error(std::string("cannot run the checks: ") + e.what());
    }
    cycle_.reset();
    notifier_.notify("STATUS=waiting for the next cycle");
  }

  // The cycle says on its first line when the next check of a plugin is due.
  void note_next(std::string_view out) {
    constexpr std::string_view start = "next: ";
    constexpr milliseconds least{1000};
    if (!out.starts_with(start)) return;
    int64_t ms = 0;
    if (std::from_chars(out.data() + start.size(), out.data() + out.size(), ms).ec == std::errc{})
      next_due_ = Clock::now() + std::max(milliseconds{ms}, least);
  }

  void wait() {
    std::array<pollfd, 2> events{
        {{signals_.get(), POLLIN, 0}, {cycle_ ? cycle_->descriptor() : -1, POLLIN, 0}}};
    auto time = longest_sleep;
    if (const auto limit = notifier_.watchdog())
      time = std::min(time, std::chrono::duration_cast<milliseconds>(*limit / 3));
    if (!cycle_) {
      const auto left = std::chrono::ceil<milliseconds>(std::min(next_, next_due_) - Clock::now());
      time = std::clamp(left, milliseconds{0}, time);
    }
    ::poll(events.data(), events.size(), static_cast<int>(time.count()));
    signalfd_siginfo signal{};
    while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo != SIGHUP) {
        is_stopping_ = true;
      } else {
        log_.info("SIGHUP: running the checks now");
        next_ = Clock::now();
      }
    }
  }

  const Call& call_;
  support::LogFile log_;
  std::string home_ = call_.service<Config>().path("");
  support::Notifier notifier_;
  support::Fd signals_;
  std::optional<RunningProcess> cycle_;
  Clock::time_point next_ = Clock::now(), overdue_ = Clock::now();
  Clock::time_point next_due_ = Clock::time_point::max();  // of a plugin's check
  bool is_stopping_ = false;
};

}  // namespace

int serve(const Call& call) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::string path = call.service<Config>().path("run/healthcheck.lock");
  // What a killed predecessor had started may hold its lock for a moment.
  const auto lock = support::FileLock::attempt(path, lock_mode, seconds(1));
  if (!lock)
    throw Error(Errc::unavailable, "another healthcheck is running: " + path + " is locked by " +
                                       support::FileLock::holder(path) + "; stop it first");
  return Daemon(call).run();
}

}  // namespace jetpack::healthcheck
