// Reads and writes run/conditions.json.
#include "support/conditions.hpp"

#include <chrono>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

constexpr size_t max_condition_message = 1 << 20;  // the limit of the session
constexpr size_t max_conditions = 1000;
constexpr uint64_t max_conditions_file = 64 << 20;
constexpr unsigned conditions_mode = 0660;

}  // namespace

Conditions read_conditions(const std::string& path) {
  Conditions conditions;
  const auto text = read_file(path, max_conditions_file, Sharing::shared);
  if (!text) return conditions;
  const auto document = parse_json(*text, path);
  if (!document.IsObject()) throw Error(Errc::corrupt, path + " is not a JSON object");
  for (const auto& [name, members] : document.GetObject()) {
    if (!members.IsObject()) throw Error(Errc::corrupt, path + " contains an invalid entry");
    Condition& condition = conditions[std::string(text_of(name))];
    for (const auto& [key, value] : members.GetObject())
      if (is_string(value)) condition[key.GetString()] = text_of(value);
  }
  return conditions;
}

std::string condition_message(const std::string& name, const Condition& condition) {
  // Control characters take six bytes, so that texts within their limit may need more than a message
  // can have.
  for (size_t most = max_condition_text;; most /= 2) {
    std::string json = json_object([&](Object& data) {
      data.text("name", name);
      for (const auto& [key, value] : condition)
        if (key != "since") data.text(key, cut(value, most));
    });
    if (json.size() <= max_condition_message) return json;
  }
}

ConditionFile::ConditionFile(const Config& config, Report report)
    : report_(std::move(report)),
      path_(config.path("run/conditions.json")),
      lock_(FileLock::wait(config.path("run/.conditions.lock"), conditions_mode)) {
  try {
    all_ = read_conditions(path_);
  } catch (const Error& e) {
    if (e.code() != Errc::corrupt) throw;
    report_(std::string(e.what()) + "; moved to " + move_aside(path_) +
            "; starting with an empty list");
  }
}

void ConditionFile::set(const std::string& name, Condition condition) {
  const auto known = all_.find(name);
  const bool is_new = known == all_.end();
  if (is_new && all_.size() >= max_conditions)
    throw Error(Errc::failed, "cannot set condition '" + name + "': the limit is " +
                                  std::to_string(max_conditions) +
                                  " conditions; clear some with 'jetpack condition clear'");
  const bool same_status = !is_new && known->second["status"] == condition["status"];
  condition["since"] =
      same_status ? known->second["since"] : iso_8601(std::chrono::system_clock::now());
  all_[name] = std::move(condition);
  save();
}

void ConditionFile::remove(const std::string& name) {
  if (all_.erase(name) > 0) save();
}

void ConditionFile::save() const {
  const std::string json = json_object([&](Object& conditions) {
    for (const auto& entry : all_)
      conditions.object(entry.first, [&](Object& texts) {
        for (const auto& [member, text] : entry.second) texts.text(member, text);
      });
  });
  try {
    write_durably(path_, json, conditions_mode);
  } catch (const Error& e) {
    report_(std::string("not recorded on this node: ") + e.what());
  }
}

}  // namespace jetpack::support
