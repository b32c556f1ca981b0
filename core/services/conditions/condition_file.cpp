// Reads and writes run/conditions.json.
#include "services/conditions/condition_file.hpp"

#include <chrono>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack {

namespace {

constexpr size_t max_condition_message = 1 << 20;  // the limit of the session
constexpr size_t max_conditions = 1000;
constexpr uint64_t max_conditions_file = 64 << 20;
constexpr unsigned conditions_mode = 0660;

}  // namespace

NodeConditions read_conditions(const std::string& path) {
  NodeConditions conditions;
  const auto text = support::read_file(path, max_conditions_file, support::Sharing::shared);
  if (!text) return conditions;
  const auto document = support::parse_json(*text, path);
  if (!document.IsObject()) throw Error(Errc::corrupt, path + " is not a JSON object");
  for (const auto& [name, members] : document.GetObject()) {
    if (!members.IsObject()) throw Error(Errc::corrupt, path + " contains an invalid entry");
    ConditionTexts& texts = conditions[std::string(support::text_of(name))];
    for (const auto& [key, value] : members.GetObject())
      if (support::is_string(value)) texts[key.GetString()] = support::text_of(value);
  }
  return conditions;
}

std::string condition_message(const std::string& name, const ConditionTexts& texts) {
  // Control characters take six bytes, so that texts within their limit may need more than a message
  // can have.
  for (size_t most = max_condition_text;; most /= 2) {
    std::string json = support::json_object([&](support::Object& data) {
      data.text("name", name);
      for (const auto& [key, value] : texts)
        if (key != "since") data.text(key, support::cut(value, most));
    });
    if (json.size() <= max_condition_message) return json;
  }
}

ConditionFile::ConditionFile(const std::string& run, Warn warn)
    : warn_(std::move(warn)),
      path_(run + "/conditions.json"),
      lock_(support::FileLock::wait(run + "/.conditions.lock", conditions_mode)) {
  try {
    all_ = read_conditions(path_);
  } catch (const Error& e) {
    if (e.code() != Errc::corrupt) throw;
    warn_(std::string(e.what()) + "; moved to " + support::move_aside(path_) +
          "; starting with an empty list");
  }
}

void ConditionFile::set(const std::string& name, ConditionTexts texts) {
  const auto known = all_.find(name);
  const bool is_new = known == all_.end();
  if (is_new && all_.size() >= max_conditions)
    throw Error(Errc::failed, "cannot set condition '" + name + "': the limit is " +
                                  std::to_string(max_conditions) +
                                  " conditions; clear some with 'jetpack condition clear'");
  const bool same_status = !is_new && known->second["status"] == texts["status"];
  texts["since"] =
      same_status ? known->second["since"] : support::iso_8601(std::chrono::system_clock::now());
  all_[name] = std::move(texts);
  save();
}

void ConditionFile::remove(const std::string& name) {
  if (all_.erase(name) > 0) save();
}

void ConditionFile::save() const {
  const std::string json = support::json_object([&](support::Object& conditions) {
    for (const auto& entry : all_)
      conditions.object(entry.first, [&](support::Object& texts) {
        for (const auto& [member, text] : entry.second) texts.text(member, text);
      });
  });
  try {
    support::write_durably(path_, json, conditions_mode);
  } catch (const Error& e) {
    warn_(std::string("not recorded on this node: ") + e.what());
  }
}

}  // namespace jetpack
