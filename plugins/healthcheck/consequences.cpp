// Draws the consequences of a cycle.
#include "healthcheck/consequences.hpp"

#include <algorithm>

#include <jetpack/conditions.hpp>
#include <jetpack/config.hpp>
#include <jetpack/log.hpp>
#include "healthcheck/checks.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/keepalive.hpp"
#include "support/program.hpp"
#include "support/shutdown_request.hpp"
#include "support/text.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::healthcheck {

namespace {

using std::chrono::milliseconds;

constexpr size_t max_words = 1024;
constexpr size_t most_lines = 8;
constexpr const char* kept_alive = "kept alive";
constexpr std::chrono::hours repeated_after{1};

// The last lines of an output, joined by " | ".
std::string last_words(std::string_view output) {
  std::string words;
  output = support::trimmed(output);
  for (size_t i = 0; i < most_lines && !output.empty(); ++i) {
    const size_t end = output.find_last_of('\n');
    const std::string_view line = end == std::string_view::npos ? output : output.substr(end + 1);
    output = support::trimmed(output.substr(0, end == std::string_view::npos ? 0 : end));
    const std::string shown = support::one_line(support::trimmed(line));
    if (words.size() + shown.size() > max_words) {
      if (words.empty()) words = support::cut(shown, max_words);
      break;
    }
    if (!shown.empty() && !words.empty()) words.insert(0, " | ");
    words.insert(0, shown);
  }
  return words;
}

// What a check has to say in a line: what happened, and its last line of output.
std::string summary(const Outcome& outcome) {
  if (!outcome.spoken.message.empty())
    return support::cut(support::one_line(outcome.spoken.message), max_words);
  std::string words = last_words(outcome.err.empty() ? outcome.out : outcome.err);
  if (outcome.state == State::passed || outcome.state == State::invalid) words.clear();
  // The last line alone.
  if (const size_t bar = words.rfind(" | "); bar != std::string::npos) words.erase(0, bar + 3);
  return support::cut(words.empty()             ? outcome.message
                      : outcome.message.empty() ? words
                                                : outcome.message + ": " + words,
                      max_words);
}

// The name of a check is that of a file; a condition's is shorter, and printable.
Condition condition_of(const std::string& name, const Outcome& outcome) {
  constexpr size_t max_details = 64 << 10;
  Condition condition;
  condition.name = support::beginning_of(support::one_line(name), max_name);
  condition.health = outcome.state == State::unhealthy ? jetpack::Health::error
                     : !outcome.spoken.status.empty()  ? health_of(outcome.spoken.status)
                     : outcome.state == State::passed  ? jetpack::Health::ok
                                                       : jetpack::Health::warning;
  condition.message = summary(outcome);
  condition.details = outcome.spoken.details;
  if (condition.details.empty() && outcome.state != State::passed)
    condition.details = outcome.err +
                        (outcome.err.empty() || outcome.err.ends_with('\n') ? "" : "\n") +
                        outcome.out;
  condition.details = support::cut(condition.details, max_details);
  return condition;
}

std::string duration_between(const std::string& from, const std::string& to) {
  const auto begin = support::parse_iso_8601(from), end = support::parse_iso_8601(to);
  if (!begin || !end || *end < *begin) return "0s";
  return support::short_duration(std::chrono::floor<std::chrono::seconds>(*end - *begin));
}

}  // namespace

std::string termination_reason(const std::string& name, const Record& record,
                               const std::string& now) {
  const Outcome& last = record.last;
  std::string reason = "unhealthy: check " + name + " exited with " +
                       std::to_string(last.exit_code) + ", failing for " +
                       duration_between(record.failing_since, now);
  if (!last.spoken.message.empty()) reason += ": " + summary(last);
  const std::string err = last_words(last.err), out = last_words(last.out);
  if (!err.empty()) reason += ": stderr: " + err;
  if (!out.empty() && last.spoken.message.empty())
    reason += (err.empty() ? ": " : "; ") + ("stdout: " + out);
  // Of a built-in check; of a script it says no more than the exit code.
  if (err.empty() && out.empty() && !last.message.starts_with("exited with"))
    reason += ": " + last.message;
  return reason;
}

Consequences::Consequences(const Call& call, const Settings& settings, Health& health,
                           std::string now)
    : call_(call),
      settings_(settings),
      health_(health),
      now_(std::move(now)),
      log_(support::node_log(call.service<Config>(), "healthcheck", "healthcheck")) {}

void Consequences::record(const std::string& name, const Outcome& outcome) {
  seen_.insert(name);
  Record& record = health_.checks[name];
  const bool has_changed = record.ran.empty() || record.last.state != outcome.state;
  if (has_changed) {
    record.since = now_;
    const std::string text = summary(outcome);
    health_.note(now_, name, name_of(outcome.state), text);
    log_.write(outcome.state == State::passed ? JP_LEVEL_INFO : JP_LEVEL_WARNING,
               name + ": " + name_of(outcome.state) + (text.empty() ? "" : ": " + text));
  }
  record.ran = now_;
  record.passes = outcome.state == State::passed ? record.passes + 1 : 0;
  if (outcome.state == State::unhealthy) ++record.strikes;
  if (record.passes >= settings_.recovery) {
    record.strikes = 0;
    record.failing_since.clear();
  } else if (record.passes == 0 && record.failing_since.empty()) {
    record.failing_since = now_;
  }
  record.last = outcome;
}

void Consequences::draw() {
  // The request first: it matters most.
  const auto guarded = [&](auto&& step) {
    try {
      step();
    } catch (const Error& e) {
      report(e.what());
    }
  };
  guarded([&] { request_termination(); });
  guarded([&] { report_conditions(); });
}

std::string Consequences::check_that_asks() const {
  std::string first, since;
  for (const auto& [name, record] : health_.checks) {
    if (record.last.state != State::unhealthy || record.strikes < settings_.strikes) continue;
    if (!first.empty() && since <= record.failing_since) continue;
    first = name;
    since = record.failing_since;
  }
  return first;
}

// Whether `jetpack keepalive` is in force.
bool Consequences::is_kept_alive() const {
  const std::string run = call_.service<Config>().path("run");
  try {
    const auto keepalive = support::read_keepalive(run);
    return keepalive && keepalive->is_in_force();
  } catch (const Error& e) {
    report(std::string(e.what()) + "; moved to " +
           support::move_aside(support::keepalive_file(run)));
    return false;
  }
}

// Whether the request that was made last is still in the outbox.
bool Consequences::is_waiting(const Session& session) const {
  const auto list = support::parse_json(session.outbox_list(), "the outbox's list");
  if (!list.IsArray()) return false;
  const auto messages = list.GetArray();
  return std::any_of(messages.begin(), messages.end(), [&](const auto& message) {
    return support::text_or(message, "id", "") == health_.termination->id &&
           support::text_or(message, "state", "") == "queued" &&
           support::text_or(message, "to", "").find("/nodes/terminate") != std::string::npos;
  });
}

// Whether the server may still be acting on it. One after which the node is still here is repeated.
bool Consequences::is_recent() const {
  const auto requested = support::parse_iso_8601(health_.termination->requested);
  const auto now = support::parse_iso_8601(now_);
  return requested && now && *requested <= *now && *now - *requested < repeated_after &&
         health_.termination->boot == support::boot_id();
}

// A request that could not be delivered must not end a node that has recovered since.
void Consequences::withdraw() {
  if (!health_.termination) return;
  const Termination asked = *health_.termination;
  const auto session = call_.service<Session>();
  if (asked.error.empty() && is_waiting(session)) {
    session.change_outbox(JP_OUTBOX_DROP, asked.id);
    support::forget_shutdown(call_.service<Config>(), asked.reason);
    health_.note(now_, asked.check, "termination withdrawn", "");
    log_.info("withdrew the request to terminate this node, which was still queued");
  }
  health_.termination.reset();
}

void Consequences::request_termination() {
  const std::string name = check_that_asks();
  if (name.empty()) return withdraw();
  if (is_kept_alive()) {
    withdraw();
    const auto& past = health_.history;
    const auto last = std::find_if(past.rbegin(), past.rend(),
                                   [&](const Event& event) { return event.check == name; });
    if (last != past.rend() && last->what == kept_alive) return;
    health_.note(now_, name, kept_alive, "no termination is requested");
    log_.warning(name + ": unhealthy, but the node is kept alive: no termination is requested");
    return;
  }
  const bool has_asked = health_.termination && health_.termination->error.empty();
  if (has_asked && (is_recent() || is_waiting(call_.service<Session>()))) return;
  send_termination(name);
}

void Consequences::send_termination(const std::string& name) {
  const std::string reason = termination_reason(name, health_.checks.at(name), now_);
  health_.termination = {name, reason, now_, support::boot_id(), "", ""};
  call_.service<Log>().warning("asking the cluster to terminate this node: it is " + reason);
  try {
    const auto session = call_.service<Session>();
    const std::string path = support::shutdown_path(session.require("cluster"), "terminate");
    const std::string body = support::shutdown_body(session.require("node"), reason);
    Letter letter;
    letter.address = path;
    letter.body = body;
    const auto receipt = session.send(letter, wait());
    health_.termination->id = receipt.id;
    support::note_shutdown(call_.service<Config>(), "terminate", reason);
    health_.note(now_, name, "termination requested", reason);
    const std::string text = "termination requested for check " + name + ": " + noted(receipt);
    log_.warning(text + "; the node is " + reason);
    report(text);
  } catch (const Error& e) {
    health_.termination->error = e.what();
    health_.note(now_, name, "termination failed", e.what());
    log_.error("cannot request the termination of this node: " + std::string(e.what()));
    throw;
  }
}

void Consequences::report_conditions() {
  const auto conditions = call_.service<Conditions>();
  for (auto& [name, record] : health_.checks) {
    if (kept_.contains(name)) continue;
    const bool is_gone = !seen_.contains(name);
    if (!is_gone && record.last.state == State::passed && record.passes < settings_.recovery &&
        !record.reported.empty())
      continue;
    Condition condition = condition_of(name, is_gone ? Outcome{} : record.last);
    const bool is_ok = condition.health == jetpack::Health::ok;
    std::string reported;
    if (!is_ok) reported = std::string(health_text(condition.health)) + ' ' + condition.message;
    if (reported == record.reported) continue;
    if (is_ok) condition.message = condition.details = "";
    noted(conditions.set(condition, wait(),
                         [this](std::string_view text) { report(std::string(text)); }));
    record.reported = reported;
  }
  std::erase_if(health_.checks, [&](const auto& entry) {
    return !seen_.contains(entry.first) && !kept_.contains(entry.first);
  });
}

std::optional<milliseconds> Consequences::wait() const {
  return is_queueing_ ? std::optional(milliseconds{0}) : std::nullopt;
}

std::string Consequences::noted(const Receipt& receipt) {
  if (!receipt.delivered) is_queueing_ = true;
  return receipt.delivered ? "delivered" : "queued: " + receipt.note;
}

void Consequences::report(const std::string& text) const {
  call_.report("jetpack healthcheck: " + text + '\n');
}

}  // namespace jetpack::healthcheck
