// `jetpack status`: the state of this node and its connection, even when little works.
#include <sys/statvfs.h>

#include <functional>

#include <jetpack/plugin.hpp>
#include "status/status_text.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/keepalive.hpp"
#include "support/program.hpp"
#include "support/settings.hpp"
#include "support/shown_time.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Errc;
using jetpack::Error;
using rapidjson::Value;
using std::chrono::seconds;

using jetpack::status::counted;
using jetpack::status::facts;
constexpr uint64_t max_state = 1 << 20;
constexpr uint64_t max_conditions = 64 << 20;
constexpr uint64_t least_bytes = 1 << 20;
constexpr uint64_t least_inodes = 16;
constexpr seconds longest_normal_wait{900};
constexpr seconds dead_letters_matter_for{86400};
constexpr std::chrono::milliseconds plugin_list_time{1500};

// What needs attention, in the order found.
using Problems = std::vector<std::string>;

// The answer while it is made: a JSON document, from which the text for people is made too.
class Report {
 public:
  explicit Report(const Call& call) : call_(call), config_(call.service<jetpack::Config>()) {
    document_.SetObject();
  }

  // Each part is reported even when another fails.
  void gather() {
    part("identity", [&] { identity(); });
    part("conditions", [&] { conditions(); });
    part("keepalive", [&] { keepalive(); });
    part("outbox", [&] { outbox(); });
    part("daemon", [&] { daemon(); });
    part("plugins", [&] { plugins(); });
    part("disk", [&] { disk(); });
    for (auto& problem : support::setting_problems(config_))
      problems_.push_back(std::move(problem));
    Value list(rapidjson::kArrayType);
    for (const auto& problem : problems_) list.PushBack(text(problem), allocator());
    document_.AddMember("healthy", problems_.empty(), allocator());
    document_.AddMember("problems", list, allocator());
  }

  const rapidjson::Document& document() const { return document_; }
  bool is_healthy() const { return problems_.empty(); }

 private:
  rapidjson::Document::AllocatorType& allocator() { return document_.GetAllocator(); }
  Value text(std::string_view content) {
    return {content.data(), static_cast<rapidjson::SizeType>(content.size()), allocator()};
  }

  void part(const char* name, const std::function<void()>& gather_part) {
    try {
      gather_part();
    } catch (const Error& e) {
      Value failed(rapidjson::kObjectType);
      failed.AddMember("error", text(e.what()), allocator());
      document_.AddMember(Value(name, allocator()), failed, allocator());
      problems_.push_back(std::string(name) + ": " + e.what());
    }
  }

  void identity() {
    const auto session = call_.service<jetpack::Session>();
    Value known(rapidjson::kObjectType);
    for (const char* fact : facts)
      if (const auto value = session.identity(fact))
        known.AddMember(Value(fact, allocator()), text(*value), allocator());
    if (!known.HasMember("url"))
      problems_.emplace_back(
          "no server is configured; enroll the node or write config/connection.json");
    document_.AddMember("identity", known, allocator());
  }

  // Those that `jetpack condition` has set, with the texts that a listing shows.
  void conditions() {
    const std::string path = config_.path("run/conditions.json");
    Value list(rapidjson::kArrayType);
    const auto json = support::read_file(path, max_conditions, support::Sharing::shared);
    const auto known = support::parse_json(json ? *json : "{}", path);
    if (!known.IsObject()) throw Error(Errc::corrupt, path + " is not a JSON object");
    for (const auto& [name, condition] : known.GetObject()) {
      Value entry(rapidjson::kObjectType);
      entry.AddMember("name", text(support::text_of(name)), allocator());
      for (const char* key : {"status", "since", "message"})
        entry.AddMember(Value(key, allocator()), text(support::text_or(condition, key, "")),
                        allocator());
      list.PushBack(entry, allocator());
      if (support::text_or(condition, "status", "") != "Error") continue;
      std::string problem = "condition " + std::string(support::text_of(name)) + " is Error";
      if (const auto message = support::find_string(condition, "message"))
        problem.append(": ").append(*message);
      problems_.push_back(std::move(problem));
    }
    document_.AddMember("conditions", list, allocator());
  }

  void keepalive() {
    const auto known = support::read_keepalive(config_.path("run"));
    if (!known || !known->is_in_force()) return;
    Value entry(rapidjson::kObjectType);
    entry.AddMember("until", text(known->end()), allocator());
    entry.AddMember("end", text(known->description()), allocator());
    document_.AddMember("keepalive", entry, allocator());
  }

  void outbox() {
    rapidjson::Document state(&allocator());
    const std::string json = call_.service<jetpack::Session>().outbox();
    state.CopyFrom(support::parse_json(json, "the outbox's state"), allocator());
    if (const auto oldest = support::parse_iso_8601(support::text_or(state, "oldest", ""))) {
      const auto age = age_of(*oldest);
      state.AddMember("oldest_age_seconds", age.count(), allocator());
      if (age > longest_normal_wait)
        problems_.push_back("the oldest queued message is " + support::short_duration(age) +
                            " old");
    }
    if (const Value* dead = support::find_member(state, "dead"); dead != nullptr && dead->IsArray())
      judge_dead(*dead);
    document_.AddMember("outbox", state, allocator());
  }

  // Each of the last day, up to some.
  void judge_dead(const Value& dead) {
    size_t recent = 0;
    std::string last;
    for (const auto& letter : dead.GetArray()) {
      const auto time = support::parse_iso_8601(support::text_or(letter, "time", ""));
      if (time && age_of(*time) >= dead_letters_matter_for) continue;
      ++recent;
      last = support::text_or(letter, "type", "") + ", " + support::text_or(letter, "reason", "");
    }
    if (recent == 0) return;
    problems_.push_back(counted(recent, "message") + (recent == 1 ? " was" : " were") +
                        " rejected by the server in the last day, the last: " + last +
                        " ('jetpack outbox' shows, retries or drops them)");
  }

  // The lock says whether it is running: a process id may have been reused.
  void daemon() {
    const bool runs = support::FileLock::is_held(config_.path("run/jetpackd.lock"));
    rapidjson::Document state(&allocator());
    state.SetObject();
    if (const auto json = support::read_file(config_.path("run/jetpackd.json"), max_state,
                                             support::Sharing::shared))
      state.CopyFrom(support::parse_json(*json, "run/jetpackd.json"), allocator());
    if (!state.IsObject()) state.SetObject();
    if (!runs) state.RemoveMember("pid");
    state.AddMember("running", runs, allocator());
    if (!runs) problems_.emplace_back("jetpackd is not running; start it with: jetpack initialize");
    for (const char* kind : {"failure", "userdata_failure"}) {
      const Value* failure = support::find_member(state, kind);
      const Value* person =
          failure != nullptr ? support::find_member(*failure, "needs_person") : nullptr;
      if (runs && person != nullptr && person->IsTrue())
        problems_.push_back("jetpackd: " + support::text_or(*failure, "text", ""));
    }
    judge_phase(state);
    document_.AddMember("daemon", state, allocator());
  }

  // The phases are those of the cluster page, as far as the node knows: it has its configuration, or
  // has asked to be shut down since the machine was started.
  void judge_phase(const Value& daemon) {
    std::string phase =
        support::text_or(daemon, "userdata_version", "").empty() ? "Preparing" : "Ready";
    if (const auto json = support::read_file(config_.path("run/shutdown.json"), max_state,
                                             support::Sharing::shared)) {
      const auto asked = support::parse_json(*json, "run/shutdown.json");
      if (support::text_or(asked, "boot", "") == support::boot_id()) {
        phase = "Stopping";
        const std::string reason = support::text_or(asked, "reason", "");
        problems_.push_back("this node asked the cluster to " +
                            support::text_or(asked, "action", "terminate") + " it at " +
                            support::text_or(asked, "requested", "?") +
                            (reason.empty() ? "" : ": it is " + reason));
      }
    }
    document_.AddMember("phase", text(phase), allocator());
  }

  void plugins() {
    const std::string self = support::program_path();
    if (self.empty()) throw Error(Errc::failed, "cannot find the running jetpack");
    jetpack::ProcessSpec spec{{self, "plugin", "list", "--json"}};
    spec.deadline = plugin_list_time;
    spec.capture_bytes = 1 << 20;
    const auto result = call_.service<jetpack::Process>().run(spec);
    const auto listed = support::parse_json(result.out, "the list of plugins");
    Value refused(rapidjson::kArrayType);
    size_t count = 0;
    if (listed.IsArray()) {
      for (const auto& plugin : listed.GetArray()) {
        ++count;
        const std::string reason = support::text_or(plugin, "refused", "");
        if (reason.empty()) continue;
        const std::string path = support::text_or(plugin, "path", "");
        Value entry(rapidjson::kObjectType);
        entry.AddMember("path", text(path), allocator());
        entry.AddMember("reason", text(reason), allocator());
        refused.PushBack(entry, allocator());
        problems_.push_back("plugin " + path);
        problems_.back() += " is refused: " + reason;
      }
    }
    Value all(rapidjson::kObjectType);
    all.AddMember("count", uint64_t{count}, allocator());
    all.AddMember("refused", refused, allocator());
    document_.AddMember("plugins", all, allocator());
  }

  void disk() {
    const std::string directory = config_.path("run");
    struct statvfs info {};
    if (::statvfs(directory.c_str(), &info) != 0)
      throw Error(Errc::failed,
                  "cannot examine " + directory + ": " + support::system_message(errno));
    const uint64_t bytes = uint64_t{info.f_bavail} * info.f_frsize;
    Value space(rapidjson::kObjectType);
    space.AddMember("path", text(directory), allocator());
    space.AddMember("free_bytes", bytes, allocator());
    // File systems that allocate inodes on demand report none.
    const bool counts_inodes = info.f_files > 0;
    if (counts_inodes) space.AddMember("free_inodes", uint64_t{info.f_favail}, allocator());
    if (bytes < least_bytes)
      problems_.push_back("the disk of " + directory +
                          " is full; free some space: no message can be queued");
    if (counts_inodes && info.f_favail < least_inodes)
      problems_.push_back("the disk of " + directory + " has no free inodes; remove files");
    document_.AddMember("disk", space, allocator());
  }

  static seconds age_of(support::SystemTime time) {
    return std::chrono::floor<seconds>(std::chrono::system_clock::now() - time);
  }

  const Call& call_;
  jetpack::Config config_;
  rapidjson::Document document_;
  Problems problems_;
};

int status(const Call& call) {
  Report report(call);
  report.gather();
  call.print(call.flag("json")
                 ? support::to_pretty_json(report.document()) + '\n'
                 : jetpack::status::to_text(report.document(), support::ShownTimes(call)));
  return report.is_healthy() ? 0 : 1;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.status", "1.0.0",
    jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Process>(),
    jetpack::command(
        "status", "Show the state of this node and its connection", status,
        jetpack::flag("json", "Print JSON"), support::time_option(),
        jetpack::description(
            "Shows the node's identity and phase, its conditions, until when it is kept alive, the "
            "messages queued in the "
            "outbox and the age of the "
            "oldest, messages that the server rejected and why, whether jetpackd is running and "
            "when it last reached the server, refused plugins, and the free space in run/. It "
            "contacts no other machine, so it works while the server is down or the disk is "
            "full.\n\n"
            "Exits 0 when healthy, 1 when something needs attention; the problems are shown last: "
            "a condition with status Error, the configuration and its settings, messages queued "
            "for more than 15 minutes or "
            "rejected within a day, a daemon that is not running or that the server turns away, a "
            "refused plugin, or a full disk."),
        jetpack::example("jetpack status --json | jq -r '.problems[]'", "What needs attention")));
