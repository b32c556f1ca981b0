// `jetpack keepalive`: asks that this node is not terminated for a while.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>

#include <jetpack/plugin.hpp>
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/keepalive.hpp"
#include "support/text.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;
using support::Keepalive;

constexpr unsigned state_mode = 0660;
// How often a change by another process while this one reports is reported again.
constexpr int max_reports = 3;

[[noreturn]] void invalid_duration(std::string_view text) {
  throw Error(Errc::usage, "invalid duration '" + support::one_line(text.substr(0, 80)) +
                               "'; expected 6h, 30m, 1h30m, 1.5h, a number of hours, or forever");
}

struct Unit {
  char letter;
  double ms;
};
constexpr double ms_of_hour = 3600e3;
constexpr std::array units{Unit{'d', 24 * ms_of_hour}, Unit{'h', ms_of_hour}, Unit{'m', 60e3},
                           Unit{'s', 1e3}};

// "1h30m": units in descending order, each once; a number alone is hours, as the reference has it.
double ms_of(std::string_view text) {
  double total = 0;
  size_t unit = 0;
  std::string_view rest = text;
  do {
    double number = 0;
    const char* end = rest.data() + rest.size();
    if (rest.empty() || !support::is_digit(rest.front())) invalid_duration(text);
    const auto [after, failure] =
        std::from_chars(rest.data(), end, number, std::chars_format::fixed);
    if (failure != std::errc{}) invalid_duration(text);
    if (after == end && rest.data() == text.data()) return number * ms_of_hour;
    while (unit < units.size() && (after == end || units.at(unit).letter != *after)) ++unit;
    if (unit == units.size()) invalid_duration(text);
    total += number * units.at(unit++).ms;
    rest.remove_prefix(static_cast<size_t>(after - rest.data()) + 1);
  } while (!rest.empty());
  return total;
}

milliseconds parse_length(std::string_view text) {
  const std::string lower = support::lower_case(text);
  if (lower == "forever") return Keepalive::forever;
  const double ms = ms_of(lower);
  const std::string quoted = "'" + support::one_line(text.substr(0, 80)) + "'";
  if (ms < 1) throw Error(Errc::usage, quoted + " is no time at all; use --cancel to cancel");
  if (ms > static_cast<double>(Keepalive::longest.count()))
    throw Error(Errc::usage, quoted + " exceeds the limit of 366 days; use forever");
  return milliseconds{std::llround(ms)};
}

class Verb {
 public:
  explicit Verb(const Call& call)
      : call_(call), run_(call.service<jetpack::Config>().path("run")) {}

  int show() const {
    const auto known = support::read_keepalive(run_);
    const milliseconds left = known ? known->time_left() : milliseconds{0};
    if (!call_.flag("json")) {
      call_.print(left.count() == 0 ? "not kept alive\n"
                                    : "kept alive " + known->description() + '\n');
      return 0;
    }
    call_.print(support::shown_json(support::json_object([&](support::Object& json) {
      json.boolean("in_force", left.count() > 0);
      if (left.count() == 0) return;
      json.text("until", known->end()).text("requested", support::iso_8601(known->requested));
      if (!known->is_forever) json.number("seconds_left", left.count() / 1000);
    })));
    return 0;
  }

  // A shorter one than that in force changes nothing, so that of two callers each has what it needs.
  int extend(milliseconds length) {
    const auto asked = Keepalive::starting(length);
    auto in_force = change([&](const std::optional<Keepalive>& known) {
      const bool extends = !known || known->time_left() < asked.time_left();
      Keepalive result = extends ? asked : *known;
      if (extends) support::write_durably(support::keepalive_file(run_), result.json(), state_mode);
      say(extends ? result.description()
                  : "already " + result.description() + "; not shortened (--cancel ends it)");
      return result;
    });
    return tell(in_force ? in_force->end() : asked.end(), in_force.has_value());
  }

  int cancel() {
    const auto canceled = change([&](const std::optional<Keepalive>& known) {
      if (known) remove_durably(support::keepalive_file(run_));
      say(known && known->is_in_force() ? "canceled" : "was not kept alive");
      return true;
    });
    return tell("none", canceled.has_value());
  }

 private:
  void say(const std::string& text) const { call_.report("jetpack keepalive: " + text + '\n'); }

  // Runs `work` on what is known, under the lock; nullopt, after a report, when this node cannot
  // record it. That the cluster hears of it matters all the same.
  template <class Work>
  auto change(Work work) -> std::optional<decltype(work(std::optional<Keepalive>()))> {
    try {
      const auto lock = support::FileLock::wait(run_ + "/.keepalive.lock", state_mode);
      return work(known_or_aside());
    } catch (const Error& e) {
      say("not recorded on this node, whose health checks may still ask for its termination: " +
          std::string(e.what()));
      return std::nullopt;
    }
  }

  std::optional<Keepalive> known_or_aside() const {
    try {
      return support::read_keepalive(run_);
    } catch (const Error& e) {
      if (e.code() != Errc::corrupt) throw;
      say(std::string(e.what()) + "; moved to " +
          support::move_aside(support::keepalive_file(run_)));
      return std::nullopt;
    }
  }

  void remove_durably(const std::string& path) const {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      throw Error(Errc::failed, "cannot remove " + path + ": " + support::system_message(errno));
    const support::Fd directory(::open(run_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ::fsync(directory.get());
  }

  // What the server should know now: "none", "forever" or a time.
  std::string recorded_end(const std::string& otherwise) const {
    try {
      const auto known = support::read_keepalive(run_);
      return known && known->is_in_force() ? known->end() : "none";
    } catch (const Error&) {
      return otherwise;
    }
  }

  // Not under the lock, because a server that is down takes seconds. Whoever reports last therefore
  // looks whether another process changed it meanwhile, and reports that.
  int tell(std::string until, bool is_recorded) {
    call_.service<jetpack::Log>().info("keepalive: until " + until);
    jetpack::Sender sender(call_);
    for (int reports = 0; reports < max_reports; ++reports) {
      sender.publish("keepalive", support::json_object(
                                      [&](support::Object& json) { json.text("until", until); }));
      const std::string now = is_recorded ? recorded_end(until) : until;
      if (now == until) break;
      until = now;
    }
    return sender.finish();
  }

  const Call& call_;
  std::string run_;
};

int keepalive(const Call& call) {
  const auto duration = call.text("DURATION");
  if ((duration ? 1 : 0) + (call.flag("cancel") ? 1 : 0) + (call.flag("show") ? 1 : 0) > 1)
    throw Error(Errc::usage, "DURATION, --cancel and --show cannot be combined");
  Verb verb(call);
  if (call.flag("show")) return verb.show();
  if (call.flag("cancel")) return verb.cancel();
  return verb.extend(parse_length(duration.value_or("1h")));
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.keepalive", "1.0.0", jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Log>(),
    jetpack::command(
        "keepalive", "Keep this node from being terminated for a while", keepalive,
        jetpack::argument("DURATION",
                          "For how long: 6h, 30m, 1h30m, 1.5h, a number of hours, or forever; one "
                          "hour if left out")
            .optional(),
        jetpack::flag("cancel", "End it now"),
        jetpack::flag("show", "Show until when this node is kept alive"), jetpack::wait_option(),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Suspends termination by the health checks, and reports it to the cluster. A request "
            "extends an earlier one and never shortens it: --cancel does. It survives reboots, and "
            "setting the clock does not change it.\n\n"
            "Exit code 0 means delivered or safely queued, and standard error says which. Where "
            "it cannot be recorded on this node, as on a full disk, it is reported to the cluster "
            "all the same."),
        jetpack::example("jetpack keepalive", "Keep the node alive for one hour"),
        jetpack::example("jetpack keepalive 6h", "Keep it alive for six hours"),
        jetpack::example("jetpack keepalive forever", "Suspend termination until it is canceled"),
        jetpack::example("jetpack keepalive --cancel", "Allow termination again")));
