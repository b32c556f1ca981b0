// `jetpack plugin info`, `verify`, `enable`, `disable`, `rollback` and `remove`.
#include <sys/stat.h>

#include <memory>

#include "bundles/bundle_manifest.hpp"
#include "bundles/directory_content.hpp"
#include "bundles/signature.hpp"
#include "bundles/store.hpp"
#include "bundles/verbs.hpp"
#include "bundles/verify.hpp"
#include "bundles/zip_reader.hpp"
#include "loader/audit.hpp"
#include "loader/plugin_state.hpp"
#include "loader/refusal.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack::bundles {

namespace {

std::string id_of(const Call& call) {
  std::string id = text_of(call, "ID");
  if (!is_id(id)) throw Error(Errc::usage, "'" + id + "' is not the id of a bundle");
  return id;
}

[[noreturn]] void fail_not_installed(const std::string& id) {
  throw Error(Errc::not_found, "bundle '" + id + "' is not installed; see 'jetpack plugin list'");
}

void log_done(const Call& call, const std::string& home, const std::string& id,
              const std::string& version, const std::string& reason) {
  const auto verb = call.command().substr(call.command().rfind(' ') + 1);
  write_audit(home, {verb, id, version, {}, true, reason});
}

// A bundle that is installed, or in a file or directory.
struct Known {
  BundleManifest manifest;
  std::string key;  // it says that it is signed with; not checked
  std::string place;
};

Known read_known(const Content& content, const std::string& place) {
  Known known;
  known.manifest = BundleManifest::parse(content.read_small(manifest_name, max_manifest));
  if (content.find(signature_name) != nullptr)
    known.key = Signature::parse(content.read_small(signature_name, max_signature)).key.id();
  known.place = place;
  return known;
}

Known find_known(const Store& store, const std::string& name) {
  if (const auto version = store.active(name))
    return read_known(DirectoryContent(store.directory_of(name, *version)),
                      store.directory_of(name, *version));
  struct stat info {};
  if (::stat(name.c_str(), &info) != 0) fail_not_installed(name);
  if (S_ISDIR(info.st_mode)) return read_known(DirectoryContent(name), name);
  const support::Fd file = support::open_file(name);
  if (!file) fail_not_installed(name);
  const FileReader reader(file.get());
  return read_known(ZipReader(reader), name);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all.empty() ? "-" : all;
}

std::string info_json(const Known& known, const Store& store, const PluginState& state) {
  const auto& manifest = known.manifest;
  return support::json_object([&](support::Object& json) {
    json.text("id", manifest.id).text("version", manifest.version);
    json.text("abi", std::to_string(manifest.abi_major) + '.' + std::to_string(manifest.abi_minor));
    if (known.key.empty()) {
      json.null("key");
    } else {
      json.text("key", known.key);
    }
    json.text("path", known.place)
        .texts("platforms", manifest.platforms)
        .texts("requires", manifest.needed)
        .texts("capabilities", manifest.capabilities);
    json.list("commands", manifest.commands,
              [](support::JsonWriter& writer, const BundleManifest::Command& command) {
                support::Object(writer)
                    .text("name", command.name)
                    .text("summary", command.summary)
                    .text("library", command.library);
              });
    uint64_t bytes = 0;
    for (const auto& [path, file] : manifest.files) bytes += file.size;
    json.number("files", manifest.files.size()).number("bytes", bytes);
    const auto active = store.active(manifest.id), previous = store.previous(manifest.id);
    if (!active) return;
    json.text("active", *active).texts("versions", store.versions(manifest.id));
    if (previous && previous != active) json.text("previous", *previous);
    json.boolean("enabled", !state.disabled);
    if (state.disabled) json.text("reason", state.reason);
  });
}

std::string info_text(const Known& known, const Store& store, const PluginState& state) {
  const auto& manifest = known.manifest;
  std::string text;
  const auto row = [&](const char* name, const std::string& value) {
    text += support::padded(name, 14) + support::one_line(value) + '\n';
  };
  row("id", manifest.id);
  row("version", manifest.version);
  row("key", known.key.empty() ? "not signed" : known.key);
  row("path", known.place);
  row("platforms", joined(manifest.platforms));
  row("requires", joined(manifest.needed));
  row("capabilities", joined(manifest.capabilities));
  for (const auto& command : manifest.commands)
    row("command", command.name + ": " + command.summary);
  if (const auto active = store.active(manifest.id)) {
    row("active", *active);
    row("previous", store.previous(manifest.id).value_or("-"));
    row("state", state.disabled ? "disabled: " + state.reason : "enabled");
  }
  return text;
}

int list_installed(const Call& call) {
  const Store store(home_of(call));
  const auto ids = store.ids();
  std::string text;
  for (const auto& id : ids) text += id + ' ' + store.active(id).value_or("?") + '\n';
  const auto add = [&](support::JsonWriter& writer, const std::string& id) {
    support::Object(writer).text("id", id).text("version", store.active(id).value_or(""));
  };
  print_either(call, support::json_array(ids, add), text);
  return 0;
}

int set_state(const Call& call, bool is_disabled, const std::string& reason) {
  const std::string home = home_of(call), id = id_of(call);
  const Store store(home);
  const auto version = store.active(id);
  if (!version) fail_not_installed(id);
  {
    const Store::Change change(store);
    if (is_disabled) {
      disable_plugin(home, id, reason);
    } else {
      enable_plugin(home, id);
    }
  }
  log_done(call, home, id, *version, reason);
  const char* done = is_disabled ? "disabled" : "enabled";
  print_either(call, support::json_object([&](support::Object& json) {
                 json.text("id", id).boolean("enabled", !is_disabled);
               }),
               std::string(done) + ' ' + id + '\n');
  return 0;
}

}  // namespace

int info_verb(const Call& call) {
  if (!call.given("BUNDLE")) return list_installed(call);
  const std::string name = text_of(call, "BUNDLE");
  return judged(call, name, [&] {
    const std::string home = home_of(call);
    const Store store(home);
    const Known known = find_known(store, name);
    const PluginState state = PluginState::read(home, known.manifest.id);
    print_either(call, info_json(known, store, state), info_text(known, store, state));
    return 0;
  });
}

int verify_verb(const Call& call) {
  const std::string home = home_of(call);
  std::vector<std::string> ids;
  for (const auto id : call.texts("ID")) ids.emplace_back(id);
  if (ids.empty()) ids = Store(home).ids();
  const Policy policy = Policy::read(home);
  int exit_code = 0;
  std::string text;
  const std::string json =
      support::json_array(ids, [&](support::JsonWriter& writer, const std::string& id) {
        const Verdict verdict = verify(home, id, policy);
        const bool is_good = verdict.problems.empty();
        if (!is_good) exit_code = 1;
        text += verdict.id + ' ' + verdict.version + (is_good ? ": OK\n" : ":\n");
        for (const auto& problem : verdict.problems)
          text += "    " + support::one_line(problem) + '\n';
        write_audit(home, {"verify", id, verdict.version, verdict.key, is_good,
                           is_good ? "" : verdict.problems.front()});
        support::Object(writer)
            .text("id", verdict.id)
            .text("version", verdict.version)
            .text("key", verdict.key)
            .texts("problems", verdict.problems);
      });
  print_either(call, json, text);
  return exit_code;
}

int enable_verb(const Call& call) { return set_state(call, false, ""); }

int disable_verb(const Call& call) { return set_state(call, true, text_of(call, "reason")); }

int rollback_verb(const Call& call) {
  const std::string home = home_of(call), id = id_of(call);
  const Store store(home);
  const auto before = store.active(id);
  Store::Change(store).roll_back(id);
  const std::string now = store.active(id).value_or("");
  log_done(call, home, id, now, "in place of " + before.value_or(""));
  print_either(call, support::json_object([&](support::Object& json) {
                 json.text("id", id).text("version", now).text("before", before.value_or(""));
               }),
               id + ": " + now + " is active again, in place of " + before.value_or("") + '\n');
  return 0;
}

int remove_verb(const Call& call) {
  const std::string home = home_of(call), id = id_of(call);
  const Store store(home);
  const std::string version = store.active(id).value_or("");
  if (!Store::Change(store).remove(id)) fail_not_installed(id);
  log_done(call, home, id, version, "");
  print_either(call, support::json_object([&](support::Object& json) {
                 json.text("id", id).text("version", version).boolean("removed", true);
               }),
               "removed " + id + ' ' + version + '\n');
  return 0;
}

}  // namespace jetpack::bundles
