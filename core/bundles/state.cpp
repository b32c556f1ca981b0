// Whether a bundle is switched off: HOME/plugins/state/ID.json.
#include <unistd.h>

#include <cerrno>

#include <jetpack/error.hpp>
#include "bundles/bundle_manifest.hpp"
#include "bundles/store.hpp"
#include "support/file_errors.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::bundles {

namespace {

std::string file_of(const std::string& home, const std::string& id) {
  return home + "/plugins/state/" + id + ".json";
}

}  // namespace

BundleState read_state(const std::string& home, const std::string& id) {
  BundleState state;
  if (!is_id(id)) return state;
  const auto json = support::Json::read(file_of(home, id));
  if (!json) return state;
  const auto* disabled = support::find_member(json->root(), "disabled");
  state.is_disabled = disabled != nullptr && disabled->IsTrue();
  state.reason = support::text_or(json->root(), "reason", "");
  return state;
}

void write_state(const std::string& home, const std::string& id, const BundleState& state) {
  constexpr unsigned mode = 0644;
  const std::string path = file_of(home, id);
  if (!state.is_disabled) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      support::fail_on_file("remove", path, errno);
    return;
  }
  const std::string text = support::json_object([&](support::Object& json) {
    json.boolean("disabled", state.is_disabled)
        .text("reason", state.reason)
        .number("crashes", 0)
        .null("first");
  });
  support::write_durably(path, text + '\n', mode);
}

}  // namespace jetpack::bundles
