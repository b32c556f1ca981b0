// plugins/state/ID.json: whether a bundle is disabled, and how often it crashed.
#include "loader/plugin_state.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack {

namespace {

constexpr uint64_t max_state = 64 << 10;
constexpr size_t max_reason = 1024;

bool is_id(const std::string& id) {
  constexpr size_t longest = 200;
  return !id.empty() && id.size() <= longest && id[0] != '.' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return support::is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '.' || c == '-' || c == '_';
         });
}

std::string directory_of(const std::string& tree) { return tree + "/plugins/state"; }

std::string path_of(const std::string& tree, const std::string& id) {
  if (!is_id(id))
    throw Error(Errc::corrupt, "'" + support::one_line(id.substr(0, 80)) +
                                   "' is not a valid identifier of a bundle");
  return directory_of(tree) + '/' + id + ".json";
}

support::FileLock lock(const std::string& tree) {
  support::create_directories(directory_of(tree), 0755);
  return support::FileLock::wait(directory_of(tree) + "/.lock", 0600);
}

}  // namespace

PluginState PluginState::read(const std::string& tree, const std::string& id) {
  const std::string path = path_of(tree, id);
  const auto text = support::read_private_file(path, max_state);
  if (!text) return {};
  const auto json = support::Json::parse(*text, path);
  const auto* disabled = support::find_member(json.root(), "disabled");
  if (disabled == nullptr || !disabled->IsBool())
    throw Error(Errc::corrupt, path + ": it does not say whether the bundle is disabled");
  PluginState state;
  state.disabled = disabled->GetBool();
  state.reason = support::text_or(json.root(), "reason", "");
  state.crashes = support::number_or(json.root(), "crashes", 0);
  if (const auto time = support::parse_iso_8601(support::text_or(json.root(), "first", "")))
    state.first = support::unix_ms(*time);
  return state;
}

void PluginState::write(const std::string& tree, const std::string& id) const {
  const std::string path = path_of(tree, id);
  support::create_directories(directory_of(tree), 0755);
  const std::string text = support::json_object([&](support::Object& object) {
    object.boolean("disabled", disabled).text("reason", reason.substr(0, max_reason));
    object.number("crashes", crashes).time("first", first);
  });
  support::write_durably(path, text + '\n', 0644);
}

void disable_plugin(const std::string& tree, const std::string& id, const std::string& reason) {
  const auto held = lock(tree);
  PluginState state = PluginState::read(tree, id);
  state.disabled = true;
  state.reason = reason;
  state.write(tree, id);
}

void enable_plugin(const std::string& tree, const std::string& id) {
  const auto held = lock(tree);
  const std::string path = path_of(tree, id);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) support::fail_on_file("remove", path, errno);
}

PluginState record_crash(const std::string& tree, const std::string& id, const std::string& what) {
  const auto held = lock(tree);
  PluginState state = PluginState::read(tree, id);
  const int64_t now = support::unix_ms(std::chrono::system_clock::now());
  constexpr int64_t day = 86'400'000;
  if (state.first == 0 || now - state.first > day || now < state.first) {
    state.crashes = 0;
    state.first = now;
  }
  ++state.crashes;
  if (!state.disabled) state.reason = support::one_line(what);
  state.disabled = state.disabled || state.crashes >= PluginState::most_crashes;
  state.write(tree, id);
  return state;
}

}  // namespace jetpack
