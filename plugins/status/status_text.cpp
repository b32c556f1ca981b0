// Prints the report of `jetpack status` for people.
#include "status/status_text.hpp"

#include <algorithm>
#include <chrono>

#include "support/json.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::status {

namespace {

using rapidjson::Value;
using std::chrono::seconds;

constexpr size_t dead_letters_shown = 5;

std::string line(std::string_view name, const std::string& value) {
  constexpr size_t width = 17;
  std::string text(name);
  text.resize(std::max(width, text.size() + 1), ' ');
  return text + support::one_line(value) + '\n';
}

std::string in_mib(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

std::string outbox_text(const Value& outbox, const support::ShownTimes& shown) {
  if (const std::string error = support::text_or(outbox, "error", ""); !error.empty())
    return line("outbox", error);
  const uint64_t depth = support::number_or(outbox, "depth", 0);
  std::string queued = depth == 0
                           ? "empty"
                           : std::to_string(depth) + " queued, " +
                                 std::to_string(support::number_or(outbox, "bytes", 0)) + " bytes";
  if (outbox.HasMember("oldest_age_seconds"))
    queued += ", oldest " +
              support::short_duration(seconds(outbox["oldest_age_seconds"].GetInt64())) + " ago";
  std::string text = line("outbox", queued);
  const Value* dead = support::find_member(outbox, "dead");
  if (dead == nullptr || !dead->IsArray() || dead->Empty()) return text;
  text += line("rejected", counted(dead->Size(), "message") + ", most recent:");
  const size_t first = dead->Size() - std::min<size_t>(dead->Size(), dead_letters_shown);
  for (size_t i = first; i < dead->Size(); ++i) {
    const Value& letter = (*dead)[static_cast<rapidjson::SizeType>(i)];
    text += line("", shown(support::text_or(letter, "time", "")) + "  " +
                         support::text_or(letter, "type", "") + ": " +
                         support::text_or(letter, "reason", ""));
  }
  return text;
}

std::string daemon_text(const Value& daemon, const support::ShownTimes& shown) {
  if (const std::string error = support::text_or(daemon, "error", ""); !error.empty())
    return line("jetpackd", error);
  const bool runs = daemon.HasMember("running") && daemon["running"].IsTrue();
  std::string text = line(
      "jetpackd", !runs ? "not running"
                  : !daemon.HasMember("pid")
                      ? "starting"
                      : "running, pid " + std::to_string(support::number_or(daemon, "pid", 0)) +
                            ", version " + support::text_or(daemon, "version", "?") + ", since " +
                            shown(support::text_or(daemon, "started", "?")));
  text += line("last contact", shown(support::text_or(daemon, "last_contact", "unknown")));
  for (const char* kind : {"failure", "userdata_failure"})
    if (const Value* failure = support::find_member(daemon, kind); failure != nullptr)
      text += line("failure", support::text_or(*failure, "text", "") + ", since " +
                                  shown(support::text_or(*failure, "since", "?")));
  return text;
}

std::string conditions_text(const Value& conditions) {
  if (!conditions.IsArray()) return line("conditions", support::text_or(conditions, "error", ""));
  if (conditions.Empty()) return line("conditions", "none");
  std::string text;
  for (const auto& condition : conditions.GetArray()) {
    const std::string message = support::text_or(condition, "message", "");
    text += line(text.empty() ? "conditions" : "", support::text_or(condition, "name", "") + ' ' +
                                                       support::text_or(condition, "status", "") +
                                                       (message.empty() ? "" : ": " + message));
  }
  return text;
}

// What the cloud has announced for this node.
std::string events_text(const Value& daemon, const support::ShownTimes& shown) {
  const Value* events = support::find_member(daemon, "events");
  std::string text;
  if (events == nullptr || !events->IsArray()) return text;
  for (const auto& event : events->GetArray()) {
    const std::string time = shown(support::text_or(event, "not_before", ""));
    text +=
        line(text.empty() ? "scheduled event" : "",
             support::text_or(event, "event", "") + (time.empty() ? "" : ", not before " + time) +
                 ": " + support::text_or(event, "state", ""));
  }
  return text;
}

}  // namespace

std::string counted(size_t count, const char* noun) {
  return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

std::string to_text(const Value& report, const support::ShownTimes& shown) {
  std::string text;
  const Value& identity = report["identity"];
  for (const char* fact : facts) {
    const std::string value = support::text_or(identity, fact, "");
    const std::string name = std::string_view(fact) == "url" ? "server" : fact;
    if (!value.empty()) text += line(name, value);
  }
  if (const std::string error = support::text_or(identity, "error", ""); !error.empty())
    text += line("identity", error);
  if (const std::string phase = support::text_or(report, "phase", ""); !phase.empty())
    text += line("phase", phase);
  text += conditions_text(report["conditions"]);
  if (const Value* kept = support::find_member(report, "keepalive"); kept != nullptr)
    text += line("keepalive", support::text_or(*kept, "error", support::text_or(*kept, "end", "")));
  text += outbox_text(report["outbox"], shown) + daemon_text(report["daemon"], shown) +
          events_text(report["daemon"], shown);
  const Value& plugins = report["plugins"];
  if (const Value* refused = support::find_member(plugins, "refused"); refused != nullptr)
    text += line("plugins", std::to_string(support::number_or(plugins, "count", 0)) + ", " +
                                std::to_string(refused->Size()) + " refused");
  const Value& disk = report["disk"];
  if (disk.HasMember("free_bytes"))
    text += line(
        "disk",
        in_mib(support::number_or(disk, "free_bytes", 0)) + " free" +
            (disk.HasMember("free_inodes")
                 ? ", " + std::to_string(support::number_or(disk, "free_inodes", 0)) + " inodes"
                 : ""));
  if (report["problems"].Empty()) return text + line("state", "healthy");
  const char* name = "needs attention";
  for (const auto& problem : report["problems"].GetArray()) {
    text += line(name, std::string(support::text_of(problem)));
    name = "";
  }
  return text;
}

}  // namespace jetpack::status
