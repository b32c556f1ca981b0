// A node's configuration, for all who bring it up to date: jetpackd, `initialize`, `converge`.
#include "support/node_configuration.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/facts/facts.hpp"
#include "support/facts/ohai.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/node_facts.hpp"
#include "support/node_json.hpp"
#include "support/program.hpp"
#include "support/text.hpp"

namespace jetpack::support {

namespace {

using std::chrono::milliseconds;

constexpr unsigned config_mode = 0640;
constexpr unsigned lock_mode = 0600;
// Longer than another process takes to fetch.
constexpr milliseconds lock_patience{20000};
constexpr uint64_t max_state_file = 64 << 20;
constexpr milliseconds fetch_timeout{10000};
constexpr milliseconds metadata_timeout{2000};
constexpr uint64_t max_metadata = 1 << 20;
// Small values take some twenty times their size in memory.
constexpr uint64_t max_userdata = 8 << 20;
constexpr const char* metadata_path = "/metadata/instance?api-version=2021-02-01";

// The version that was applied last. In config/ and not in run/, whose group could withhold later
// versions by it, and with them that a user lost access.
constexpr const char* applied_file = "config/userdata.json";
constexpr const char* base_file = "config/properties.base.json";
constexpr const char* facts_file = "config/facts.json";
constexpr const char* properties_file = "config/properties.json";

FileLock lock_configuration(const Config& config) {
  return FileLock::wait(config.path("config/.configuration.lock"), lock_mode, lock_patience);
}

std::string executable_of(const Config& config) {
  const std::string usual = config.path("bin/jetpack");
  return ::access(usual.c_str(), X_OK) == 0 ? usual : program_path();
}

// Removes a file, or what is in a directory. In run/, where others can write, no link is followed.
void remove_state(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return;
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  const Directory entries(::fdopendir(fd));
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr)
    ::unlinkat(fd, entry->d_name, 0);
}

// Only root may read it, and not all machines have one.
std::string machine_uuid() {
  constexpr uint64_t max_uuid = 100;
  try {
    return std::string(trimmed(read_file("/sys/class/dmi/id/product_uuid", max_uuid).value_or("")));
  } catch (const Error&) {
    return "";
  }
}

rapidjson::Document object_copy(const rapidjson::Value* value) {
  rapidjson::Document copy(rapidjson::kObjectType);
  if (value != nullptr && value->IsObject()) copy.CopyFrom(*value, copy.GetAllocator());
  return copy;
}

}  // namespace

Metadata read_metadata(const Session& session) {
  Metadata metadata;
  try {
    Request request;
    request.path = metadata_path;
    request.timeout = metadata_timeout;
    request.max_reply = max_metadata;
    auto reply = session.metadata(request);
    if (reply.status != 200) {
      metadata.problem = "status " + std::to_string(reply.status);
    } else if (parse_json(reply.body, "the answer").IsObject()) {
      metadata.json = std::move(reply.body);
    } else {
      metadata.problem = "the answer is not a JSON object";
    }
  } catch (const Error& e) {
    metadata.problem = e.what();
  }
  return metadata;
}

std::string read_machine(const LogFile& log) {
  facts::Sources sources;
  sources.warn = [&](const std::string& text) { log.warning(text); };
  return facts::collect(sources);
}

NodeConfiguration::NodeConfiguration(const Call& call, const LogFile& log)
    : session_(call.service<Session>()),
      config_(call.service<Config>()),
      process_(call.service<Process>()),
      log_(log),
      version_(call.host_version()) {}

bool NodeConfiguration::update_facts(const Metadata& metadata, const std::string& machine) {
  const auto lock = lock_configuration(config_);
  const bool is_other = write_facts(metadata, machine);
  write_properties(load_base().sent);
  write_node_json(config_);
  return is_other;
}

bool NodeConfiguration::write_facts(const Metadata& metadata, const std::string& machine) {
  FactSources sources;
  sources.installation = {config_.path(""), executable_of(config_), version_};
  bool exists = false;
  sources.previous = read_object(facts_file, exists);
  if (!metadata.json.empty()) problem_.clear();
  // Most machines outside of a cloud never have a metadata service.
  if (!metadata.problem.empty())
    report(find_member(sources.previous, "azure") == nullptr ? JP_LEVEL_INFO : JP_LEVEL_WARNING,
           "the metadata service gave no usable answer: " + metadata.problem);
  try {
    sources.connection = ConnectionFiles::read(config_.path("config"));
  } catch (const Error& e) {
    report(JP_LEVEL_WARNING, e.what());
  }
  sources.machine = parse_json(machine, "the facts of this machine");
  sources.machine_uuid = machine_uuid();
  if (!metadata.json.empty()) sources.metadata = parse_json(metadata.json, "the metadata");
  if (!exists) keep_handwritten_node();
  const bool is_other = is_other_instance(sources);
  if (is_other) forget_other_instance();
  write_if_changed(config_.path(facts_file), to_pretty_json(node_facts(sources)) + '\n',
                   config_mode);
  return is_other;
}

void NodeConfiguration::report(uint32_t level, const std::string& problem) {
  if (std::exchange(problem_, problem) != problem) log_.write(level, problem);
}

// What an administrator wrote stays. What an agent or Chef merged does not: keys that are gone since
// would live on.
void NodeConfiguration::keep_handwritten_node() const {
  const std::string path = config_.path("config/node.json");
  try {
    const auto text = read_file(path, max_state_file);
    if (!text) return;
    const auto node = parse_json(*text, path);
    const auto* cyclecloud = find_member(node, "cyclecloud");
    const auto* jetpack = cyclecloud == nullptr ? nullptr : find_member(*cyclecloud, "jetpack");
    const bool is_merged = find_member(node, "ohai_time") != nullptr ||
                           (jetpack != nullptr && find_member(*jetpack, "version") != nullptr);
    if (!is_merged) write_durably(config_.path("config/local.json"), *text, config_mode);
  } catch (const Error& e) {
    if (e.code() != Errc::corrupt) throw;
    log_.error(std::string(e.what()) + "; moved to " + move_aside(path));
  }
}

void NodeConfiguration::forget_other_instance() const {
  log_.info("this is another instance than before: removing what belonged to that one");
  for (const char* name :
       {"config/userdata.json", "config/properties.base.json", "config/configuration.json",
        "config/properties.json", "config/auth.json", "config/converge.json", "run/conditions.json",
        "run/checks.json", "run/health.json", "run/health.prom", "run/keepalive.json",
        "run/scheduled_shutdown", "run/shutdown.json"})
    remove_state(config_.path(name));
}

NodeConfiguration::Fetched NodeConfiguration::refresh() {
  const auto metadata = read_metadata(session_);
  update_facts(metadata);
  auto fetched = fetch();
  // The server may have said where the metadata service is.
  if (!metadata.problem.empty() && fetched.userdata && update_facts(read_metadata(session_)))
    return fetch();
  return fetched;
}

void NodeConfiguration::run_ohai() {
  const auto warn = [&](const std::string& text) { log_.warning(text); };
  try {
    const auto run = facts::ohai_runner(config_, process_, warn);
    if (!run) return;
    const std::string output = run();
    if (!parse_json(output, "the output of ohai").IsObject())
      throw Error(Errc::corrupt, "the output of ohai is not a JSON object");
    const auto lock = lock_configuration(config_);
    write_if_changed(config_.path("config/attributes.json"), output, config_mode);
    write_node_json(config_);
  } catch (const Error& e) {
    // Without a configuration, nobody has asked for it.
    if (e.code() != Errc::unavailable) warn(e.what());
  }
}

NodeConfiguration::Fetched NodeConfiguration::fetch(std::chrono::seconds interval) {
  Fetched fetched;
  const auto id = session_.identity("userdata");
  if (!id) {
    fetched.rejection =
        "this node has no userdata id; enroll the node, or set [identity] userdata_id or "
        "instance_id in config/jetpack.ini";
    return fetched;
  }
  const auto lock = lock_configuration(config_);
  const std::string known = has_all_files() ? applied_version() : "";
  const std::string path = "/clusterlink/userdata/" + percent_encoded(*id) +
                           (known.empty() ? "" : "?known=" + percent_encoded(known));
  Request request;
  std::string asked = path;
  // What the hub shows of a node that polls: when to expect it again, and since when it is up.
  if (interval.count() > 0)
    asked.append(known.empty() ? "?" : "&")
        .append("interval=" + std::to_string(interval.count()))
        .append("&booted=" + std::to_string(boot_time()));
  request.path = asked;
  request.timeout = fetch_timeout;
  request.max_reply = max_userdata;
  const auto reply = session_.request(request);
  const std::string answer =
      "the server returned status " + std::to_string(reply.status) + " for " + path;
  if (reply.status == 401 || reply.status == 403) {
    fetched.rejection =
        answer + "; check the credentials in config/connection.json, or enroll again";
  } else if (reply.status == 404) {
    fetched.rejection = answer + ": unknown node; check [identity] in config/jetpack.ini";
  } else if (reply.status == 304) {
    fetched.version = known;
  } else if (reply.status == 200) {
    fetched.userdata = parse_userdata(reply.body);
    fetched.version = fetched.userdata->version;
    apply(*fetched.userdata);
  } else {
    throw Error(Errc::failed, answer);
  }
  write_node_json(config_);
  return fetched;
}

void NodeConfiguration::apply(const Userdata& userdata) {
  for (const auto& warning : userdata.warnings) log_.warning(warning);
  if (!applied_version().empty()) save_version("");
  if (write_if_changed(config_.path("config/configuration.json"), userdata.configuration,
                       config_mode))
    log_.info("wrote config/configuration.json, version " + userdata.version);
  write_properties(userdata.properties);
  if (userdata.users)
    write_if_changed(config_.path("config/auth.json"), to_auth_json(*userdata.users), config_mode);
}

void NodeConfiguration::write_node() const { write_node_json(config_); }

// What the facts and the server say, except what was set on this node since. Holds the lock that
// `jetpack props set` uses.
void NodeConfiguration::write_properties(const rapidjson::Value& sent) {
  const auto lock = FileLock::wait(config_.path("config/.properties.lock"), lock_mode);
  bool exists = false;
  const auto ours = read_object(properties_file, exists);
  bool has_facts = false;
  const auto facts = read_object(facts_file, has_facts);
  const rapidjson::Document nothing(rapidjson::kObjectType);
  const auto theirs =
      parse_json(merge_properties(nothing, properties_of_facts(facts), sent), "the properties");
  if (!exists && theirs.ObjectEmpty()) return;
  auto base = load_base();
  const rapidjson::Value& last = base.merged;
  if (exists && last == theirs && base.sent == sent) return;
  // Where a crash left the file without its note, it is either as before or as it was to be.
  const auto first = parse_json(merge_properties(base.merged, theirs, ours), "properties");
  const std::string merged = merge_properties(base.pending, theirs, first);
  base.pending.CopyFrom(theirs, base.pending.GetAllocator());
  save_base(base);
  write_if_changed(config_.path(properties_file), merged, config_mode);
  base.merged.CopyFrom(theirs, base.merged.GetAllocator());
  base.sent.CopyFrom(sent, base.sent.GetAllocator());
  base.pending.SetObject();
  save_base(base);
}

// A file that is not an object is moved aside.
rapidjson::Document NodeConfiguration::read_object(const std::string& name, bool& exists) const {
  const std::string path = config_.path(name);
  rapidjson::Document document(rapidjson::kObjectType);
  exists = false;
  try {
    const auto text = read_file(path, max_state_file);
    if (!text) return document;
    auto read = parse_json(*text, path);
    if (!read.IsObject()) throw Error(Errc::corrupt, path + " is not a JSON object");
    exists = true;
    return read;
  } catch (const Error& e) {
    if (e.code() != Errc::corrupt) throw;
    log_.error(std::string(e.what()) + "; moved to " + move_aside(path));
    return document;
  }
}

bool NodeConfiguration::has_all_files() const {
  for (const char* name : {"config/configuration.json", applied_file})
    if (::access(config_.path(name).c_str(), R_OK) != 0) return false;
  return true;
}

// A file that is unreadable, or that others could have written, is as if there were none.
std::optional<rapidjson::Document> NodeConfiguration::read_private(const char* name) {
  const std::string path = config_.path(name);
  try {
    const auto text = read_private_file(path, max_state_file);
    if (text) return parse_json(*text, path);
  } catch (const Error& e) {
    if (std::exchange(unreadable_, e.what()) != e.what())
      log_.warning(unreadable_ + "; fetching the userdata again");
  }
  return std::nullopt;
}

std::string NodeConfiguration::applied_version() {
  const auto applied = read_private(applied_file);
  return applied ? text_or(*applied, "version", "") : "";
}

NodeConfiguration::Base NodeConfiguration::load_base() {
  const auto document = read_private(base_file).value_or(rapidjson::Document());
  return {object_copy(find_member(document, "merged")),
          object_copy(find_member(document, "pending")),
          object_copy(find_member(document, "sent"))};
}

void NodeConfiguration::save_base(const Base& base) const {
  const std::string json = json_object([&](Object& object) {
    object.json("merged", to_json(base.merged))
        .json("pending", to_json(base.pending))
        .json("sent", to_json(base.sent));
  });
  write_if_changed(config_.path(base_file), json, config_mode);
}

void NodeConfiguration::save_version(const std::string& version) const {
  write_if_changed(config_.path(applied_file),
                   json_object([&](Object& object) { object.text("version", version); }),
                   config_mode);
}

void NodeConfiguration::save_as_applied(const std::string& version) {
  const auto lock = lock_configuration(config_);
  save_version(version);
}

}  // namespace jetpack::support
