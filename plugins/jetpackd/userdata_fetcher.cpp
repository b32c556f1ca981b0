// Fetches userdata from the server and applies it: configuration, properties and users.
#include "jetpackd/userdata_fetcher.hpp"

#include <unistd.h>

#include <set>
#include <utility>

#include <jetpack/error.hpp>
#include <jetpack/json.hpp>
#include "support/encoding.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/times.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;

constexpr unsigned config_mode = 0640;
constexpr uint64_t max_file = 64 << 20;
constexpr milliseconds fetch_timeout{10000};
// Small values take some twenty times their size in memory.
constexpr uint64_t max_userdata = 8 << 20;
constexpr milliseconds longest_pause{600000};

// The version that was applied last. In config/ and not in run/, whose group could withhold later
// versions by it, and with them that a user lost access.
constexpr const char* applied_file = "config/userdata.json";

// Names those who are not set up, as many as a status line can show.
std::string warning_of(const std::set<std::string>& left_out) {
  constexpr size_t most = 20;
  std::string text = "not set up:";
  size_t count = 0;
  for (const auto& who : left_out) {
    if (count++ == most) break;
    text += (count == 1 ? " " : ", ") + who;
  }
  if (left_out.size() > most) text += " and " + std::to_string(left_out.size() - most) + " more";
  return text + "; see logs/jetpackd.log on the node";
}

rapidjson::Document object_in(const std::string& path, bool& exists) {
  rapidjson::Document document(rapidjson::kObjectType);
  const auto text = support::read_file(path, max_file);
  exists = text.has_value();
  if (text) document = support::parse_json(*text, path);
  if (!document.IsObject()) throw Error(Errc::corrupt, path + " is not a JSON object");
  return document;
}

}  // namespace

UserdataFetcher::UserdataFetcher(jetpack::Session session, jetpack::Config config,
                                 Accounts& accounts, Board& board, support::LogFile& log,
                                 Options options)
    : session_(session),
      config_(config),
      accounts_(accounts),
      board_(board),
      log_(log),
      options_(std::move(options)),
      usual_(options_.interval, options_.interval, options_.seed),
      rejected_(options_.interval, std::max(options_.interval, longest_pause), options_.seed + 1) {}

milliseconds UserdataFetcher::fetch() {
  is_current_ = false;
  try {
    return request_userdata();
  } catch (const Error& e) {
    fail(e.what(), e.code() == Errc::denied || e.code() == Errc::corrupt);
  } catch (const std::exception& e) {
    fail(e.what(), false);
  }
  return usual_.pause();
}

milliseconds UserdataFetcher::request_userdata() {
  const auto id = session_.identity("userdata");
  if (!id) {
    fail(
        "this node has no userdata id: enroll the node, or set [identity] userdata_id or "
        "instance_id in config/jetpack.ini",
        true);
    return rejected_.pause();
  }
  const std::string known = has_all_files() ? load_applied().version : "";
  const std::string path = "/clusterlink/userdata/" + support::percent_encoded(*id) +
                           (known.empty() ? "" : "?known=" + support::percent_encoded(known));
  jetpack::Request request;
  request.path = path;
  request.timeout = fetch_timeout;
  request.max_reply = max_userdata;
  const auto reply = session_.request(request);
  board_.note_progress();
  const std::string answer =
      "the server returned status " + std::to_string(reply.status) + " for " + path;
  if (reply.status == 304) {
    board_.note_contact();
    board_.update([&](State& state) { state.userdata_version = known; });
    succeed();
    return usual_.pause();
  }
  if (reply.status == 200) {
    board_.note_contact();
    apply(parse_userdata(reply.body));
    return usual_.pause();
  }
  if (reply.status == 401 || reply.status == 403)
    return reject(answer + "; check the credentials in config/connection.json, or enroll again");
  if (reply.status == 404)
    return reject(answer + ": unknown node; check [identity] in config/jetpack.ini");
  fail(answer, false);
  return usual_.pause();
}

milliseconds UserdataFetcher::reject(const std::string& why) {
  fail(why, true);
  return rejected_.pause();
}

void UserdataFetcher::apply(const Userdata& userdata) {
  for (const auto& warning : userdata.warnings) log_.warning(warning);
  if (support::write_if_changed(config_.path("config/configuration.json"), userdata.configuration,
                                config_mode))
    log_.info("wrote config/configuration.json, version " + userdata.version);
  write_properties(userdata);
  Accounts::Outcome outcome;
  if (userdata.users) {
    support::write_if_changed(config_.path("config/auth.json"), to_auth_json(*userdata.users),
                              config_mode);
    outcome = accounts_.apply(*userdata.users);
  }
  report_installation(userdata, outcome);
  board_.update([&](State& state) { state.userdata_version = userdata.version; });
  if (!outcome.is_complete) {
    // Not recorded as applied, so that it is retried.
    fail("not all users could be set up; see logs/jetpackd.log", true);
    return;
  }
  save_applied(userdata);
  succeed();
}

// Holds the lock that `jetpack props set` uses.
void UserdataFetcher::write_properties(const Userdata& userdata) {
  const auto lock = support::FileLock::wait(config_.path("config/.properties.lock"), config_mode);
  const std::string path = config_.path("config/properties.json");
  bool exists = false;
  rapidjson::Document ours(rapidjson::kObjectType);
  try {
    ours = object_in(path, exists);
  } catch (const Error& e) {
    if (e.code() != Errc::corrupt) throw;
    log_.error(std::string(e.what()) + "; moved to " + support::move_aside(path));
  }
  if (!exists && userdata.properties.ObjectEmpty()) return;
  const auto applied = load_applied();
  support::write_if_changed(path, merge_properties(applied.properties, userdata.properties, ours),
                            config_mode);
}

bool UserdataFetcher::has_all_files() const {
  for (const char* name : {"config/configuration.json", applied_file})
    if (::access(config_.path(name).c_str(), R_OK) != 0) return false;
  return true;
}

// A file that is unreadable, or that others could have written, counts as nothing applied.
UserdataFetcher::Applied UserdataFetcher::load_applied() {
  Applied applied;
  applied.properties.SetObject();
  const std::string path = config_.path(applied_file);
  try {
    const auto text = support::read_private_file(path, max_file);
    if (!text) return applied;
    const auto document = support::parse_json(*text, path);
    applied.version = support::text_or(document, "version", "");
    if (const auto* properties = support::find_member(document, "properties");
        properties != nullptr && properties->IsObject())
      applied.properties.CopyFrom(*properties, applied.properties.GetAllocator());
  } catch (const Error& e) {
    if (std::exchange(unreadable_, e.what()) != e.what())
      log_.warning(unreadable_ + "; fetching the userdata again");
  }
  return applied;
}

void UserdataFetcher::save_applied(const Userdata& userdata) const {
  const std::string json = support::json_object([&](support::Object& applied) {
    applied.text("version", userdata.version)
        .json("properties", support::to_json(userdata.properties));
  });
  support::write_durably(config_.path(applied_file), json, config_mode);
}

void UserdataFetcher::report_installation(const Userdata& userdata,
                                          const Accounts::Outcome& outcome) {
  std::set<std::string> left_out(userdata.left_out.begin(), userdata.left_out.end());
  left_out.insert(outcome.left_out.begin(), outcome.left_out.end());
  const bool is_ok = outcome.is_complete && left_out.empty();
  const std::string data = support::json_object([&](support::Object& report) {
    report.text("status", is_ok ? "ok" : "warning");
    if (!is_ok) report.text("message", warning_of(left_out));
  });
  if (std::exchange(reported_, userdata.version + ' ' + data) == userdata.version + ' ' + data)
    return;
  session_.publish("installation", data, milliseconds{0});
}

void UserdataFetcher::fail(const std::string& text, bool needs_person) {
  const std::string now = support::iso_8601(std::chrono::system_clock::now());
  bool is_new = false;
  board_.update([&](State& state) {
    is_new = state.userdata_failure.text != text;
    if (is_new) state.userdata_failure = {text, now, needs_person};
  });
  if (!is_new) return;
  log_.error("cannot update the configuration: " + text);
  options_.changed();
}

void UserdataFetcher::succeed() {
  is_current_ = true;
  rejected_.reset();
  bool is_new = false;
  board_.update(
      [&](State& state) { is_new = !std::exchange(state.userdata_failure, {}).text.empty(); });
  if (is_new) options_.changed();
}

}  // namespace jetpack::jetpackd
