// Disk, outbox, daemons and plugins.
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include <jetpack/plugin.hpp>
#include "doctor/areas.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/program.hpp"
#include "support/settings.hpp"
#include "support/times.hpp"

namespace jetpack::doctor {

namespace {

using std::chrono::seconds;

constexpr uint64_t full_bytes = 1 << 20, low_bytes = 64 << 20;
constexpr uint64_t least_inodes = 16;
constexpr uint64_t max_state = 1 << 20;
constexpr seconds longest_normal_wait{900};
// A queue is full when a message of the largest usual size may not find a place in it.
constexpr uint64_t room_needed = 128 << 10;

std::string in_mib(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

void judge_age(const rapidjson::Value& state, uint64_t depth, Report& report) {
  const auto oldest = support::parse_iso_8601(support::text_or(state, "oldest", ""));
  if (!oldest) return;
  const auto age =
      std::chrono::floor<seconds>(support::SystemTime(std::chrono::system_clock::now()) - *oldest);
  const std::string text =
      std::to_string(depth) + " queued, oldest " + support::short_duration(age) + " ago";
  if (age > longest_normal_wait)
    report.found("outbox-old", text);
  else
    report.passed(text);
}

void judge_failures(const rapidjson::Value& state, Report& report) {
  for (const char* kind : {"failure", "userdata_failure"}) {
    const auto* failure = support::find_member(state, kind);
    const auto* person =
        failure != nullptr ? support::find_member(*failure, "needs_person") : nullptr;
    if (person != nullptr && person->IsTrue())
      report.found("jetpackd-rejected", support::text_or(*failure, "text", "") + ", since " +
                                            support::text_or(*failure, "since", "?"));
  }
}

}  // namespace

void examine_disk(const Call& call, Report& report) {
  const std::string directory = call.service<Config>().path("run");
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0)
    return report.skipped("cannot examine " + directory + ": " + support::system_message(errno));
  const uint64_t bytes = uint64_t{info.f_bavail} * info.f_frsize;
  const std::string text = directory + ": " + in_mib(bytes) + " free";
  if (bytes < full_bytes)
    report.found("disk-full", text);
  else if (bytes < low_bytes)
    report.found("disk-low", text);
  else
    report.passed(text);
  // File systems that allocate inodes on demand report none.
  if (info.f_files == 0) return;
  const std::string inodes = std::to_string(info.f_favail) + " inodes free";
  if (info.f_favail < least_inodes)
    report.found("inodes-exhausted", directory + ": " + inodes);
  else
    report.passed(inodes);
}

void examine_outbox(const Call& call, Report& report) {
  const std::string run = call.service<Config>().path("run");
  // A finding on the tree.
  if (::access(run.c_str(), R_OK | W_OK | X_OK) != 0)
    return report.skipped(run + ": " + support::system_message(errno));
  struct statvfs info {};
  if (::statvfs(run.c_str(), &info) == 0 && uint64_t{info.f_bavail} * info.f_frsize < full_bytes)
    return report.skipped("the disk is full");
  try {
    const auto state = support::parse_json(call.service<Session>().outbox(), "the outbox's state");
    const uint64_t depth = support::number_or(state, "depth", 0);
    const uint64_t bytes = support::number_or(state, "bytes", 0);
    if (depth == 0) report.passed("nothing is queued");
    judge_age(state, depth, report);
    constexpr const char* key = "cyclecloud.jetpack.outbox_max_mib";
    const auto text = support::configured_setting(call.service<Config>(), key);
    const auto cap = static_cast<uint64_t>(support::number_setting(key, text, [](const auto&) {}));
    if (bytes + room_needed > cap << 20)
      report.found("outbox-full", std::to_string(depth) + " messages, " + std::to_string(bytes) +
                                      " bytes of " + std::to_string(cap) + " MiB");
    const auto* dead = support::find_member(state, "dead");
    if (dead == nullptr || !dead->IsArray() || dead->Empty()) return;
    const auto& last = (*dead)[dead->Size() - 1];
    report.found("dead-letters", std::to_string(dead->Size()) +
                                     ", the last: " + support::text_or(last, "type", "") + ", " +
                                     support::text_or(last, "reason", ""));
  } catch (const Error& e) {
    report.found("outbox-unusable", e.what());
  }
}

void examine_daemons(const Call& call, Report& report) {
  const auto config = call.service<Config>();
  const auto examine = [&](const std::string& name, const char* problem) {
    const std::string lock = config.path("run/" + name + ".lock");
    if (support::FileLock::is_held(lock)) {
      report.passed(name + " is running");
      return true;
    }
    const std::string evidence = "nobody holds " + lock;
    if (has_systemd())
      report.found(problem, evidence, restart_of(call, name));
    else
      report.found(problem, evidence);
    return false;
  };
  try {
    examine("healthcheck", "healthcheck-not-running");
    if (!examine("jetpackd", "jetpackd-not-running")) return;
    const auto json =
        support::read_file(config.path("run/jetpackd.json"), max_state, support::Sharing::shared);
    if (!json) return report.skipped("jetpackd has not written its state yet");
    const auto state = support::parse_json(*json, "run/jetpackd.json");
    const std::string version = support::text_or(state, "version", "unknown");
    if (version == call.host_version())
      report.passed("jetpackd has version " + version);
    else
      report.found("jetpackd-other-version",
                   "jetpackd " + version + ", installed " + std::string(call.host_version()));
    judge_failures(state, report);
  } catch (const Error& e) {
    report.skipped(e.what());
  }
}

void examine_plugins(const Call& call, Report& report) {
  try {
    ProcessSpec spec{{support::program_path(), "plugin", "list", "--json"}};
    spec.deadline = connection_time;
    spec.grace = kill_time;
    spec.capture_bytes = 4 << 20;
    const auto result = call.service<Process>().run(spec);
    if (result.timed_out) return report.found("plugins-unknown", "'jetpack plugin list' timed out");
    const auto listed = support::parse_json(result.out, "the list of plugins");
    size_t count = 0;
    if (!listed.IsArray()) throw Error(Errc::corrupt, "'jetpack plugin list' printed no list");
    for (const auto& plugin : listed.GetArray()) {
      ++count;
      const std::string reason = support::text_or(plugin, "refused", "");
      if (!reason.empty())
        report.found("plugin-refused", support::text_or(plugin, "path", "") + ": " + reason);
    }
    report.passed(std::to_string(count) + " plugins");
  } catch (const Error& e) {
    report.found("plugins-unknown", e.what());
  }
}

}  // namespace jetpack::doctor
