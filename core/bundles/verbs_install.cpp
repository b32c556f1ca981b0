// `jetpack plugin install`, `update` and `search`.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "bundles/index.hpp"
#include "bundles/install.hpp"
#include "bundles/judge.hpp"
#include "bundles/sources.hpp"
#include "bundles/store.hpp"
#include "bundles/verbs.hpp"
#include "loader/refusal.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"
#include "support/text.hpp"

namespace jetpack::bundles {

namespace {

constexpr uint64_t max_index = 16 << 20;
constexpr uint64_t max_bundle_file = max_content + (64 << 20);

void tell(const Call& call, const std::string& text) {
  call.report("jetpack " + std::string(call.command()) + ": " + support::printable(text) + '\n');
}

Policy policy_of(const std::string& home) {
  try {
    return Policy::read(home);
  } catch (const Error& error) {
    throw Refusal(error.what());
  }
}

// The bundles of one index, whose signature is checked.
std::vector<Offer> offers_of(const Fetcher& fetcher, const std::string& location,
                             const std::string& home) {
  const Policy policy = policy_of(home);
  const std::string text = fetcher.text(location, max_index);
  std::string signature;
  try {
    signature = fetcher.text(location + ".sig", max_signature);
  } catch (const Error& error) {
    if (error.code() != Errc::not_found) throw;
  }
  check_signature(text, signature, home, policy, "list");
  return parse_index(text, location);
}

// Of all indexes. One that cannot be used does not keep the others.
std::vector<Offer> all_offers(const Call& call, const Fetcher& fetcher, const std::string& home) {
  const auto locations = index_locations(home);
  if (locations.empty())
    throw Error(Errc::not_found,
                "no index is configured; set urls in section [index] of config/plugins.ini");
  std::vector<Offer> all;
  std::string refused, failed;
  size_t read = 0;
  for (const auto& location : locations) {
    try {
      auto offers = offers_of(fetcher, location, home);
      std::move(offers.begin(), offers.end(), std::back_inserter(all));
      ++read;
    } catch (const Refusal& refusal) {
      refused = location + ": " + refusal.what();
      tell(call, "ignoring the index " + refused);
    } catch (const Error& error) {
      failed = location + ": " + error.what();
      tell(call, "ignoring the index " + failed);
    }
  }
  if (read == 0 && !refused.empty()) throw Refusal("no index can be used: " + refused);
  if (read == 0) throw Error(Errc::unavailable, "no index can be used: " + failed);
  return all;
}

// What to install.
struct Wanted {
  std::string source;
  Expected expected;
};

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

Wanted find(const Call& call, const Fetcher& fetcher, const std::string& home,
            const std::string& source) {
  if (Fetcher::is_remote(source) || exists(source)) return {source, {}};
  if (source.find("://") != std::string::npos)
    throw Error(Errc::usage, "only https URLs can be installed from");
  const size_t at = source.find('@');
  const std::string id = source.substr(0, at);
  const std::string version = at == std::string::npos ? "" : source.substr(at + 1);
  if (!is_id(id) || source.ends_with(".jpb") || index_locations(home).empty())
    throw Error(Errc::not_found, "cannot find " + support::one_line(source) +
                                     ": no such file or directory, and no index has it");
  const auto offers = all_offers(call, fetcher, home);
  const Offer* offer = newest(offers, id, version);
  if (offer == nullptr)
    throw Error(Errc::not_found, "no index has " + support::one_line(source) + " for " +
                                     native_platform + "; see 'jetpack plugin search'");
  return {offer->location, {offer->id, offer->version, offer->sha256}};
}

Installed put(const Fetcher& fetcher, const std::string& home, const Wanted& wanted,
              const std::string& verb) {
  struct stat info {};
  const std::string& source = wanted.source;
  if (!Fetcher::is_remote(source) && ::stat(source.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return install_directory(source, home, verb);
  const Spool spool;
  const support::Fd file = fetcher.open(source, spool, max_bundle_file);
  // Of a URL, the query may hold a secret.
  return install_file(file.get(), home, source.substr(0, source.find('?')), verb, wanted.expected);
}

// The plugin that would run the command instead; empty: none.
std::string runs_instead(const std::string& home, const std::string& id,
                         const std::string& command) {
  const std::string program = support::program_path();
  const std::string prefix = support::parent_directory(support::parent_directory(program));
  const std::string builtin =
      prefix + "/" JETPACK_PLUGIN_DIR "/" + command.substr(0, command.find(' ')) + ".so";
  if (exists(builtin) && library_has_command(builtin, command)) return "the built-in";
  const Store store(home);
  for (const auto& other : store.ids()) {
    if (other >= id) break;
    const auto text = support::read_file(
        store.root() + "/active/" + other + "/" + std::string(manifest_name), max_manifest);
    try {
      const auto manifest = BundleManifest::parse(text.value_or(""));
      for (const auto& known : manifest.commands)
        if (known.name == command) return other;
    } catch (const Refusal&) {
      continue;  // `plugin list` reports it
    }
  }
  return {};
}

void warn_of_shadow(const Call& call, const std::string& home, const std::string& id,
                    const std::string& command) {
  const std::string other = runs_instead(home, id, command);
  if (other.empty()) return;
  tell(call, "note: 'jetpack " + command + "' runs " + other +
                 "; run this one with 'jetpack plugin run " + id + ' ' + command + "'");
}

std::string sentence(const Installed& done) {
  const std::string name = done.id + ' ' + done.version;
  if (done.is_unchanged) return name + " is active already\n";
  std::string text = "installed " + name;
  if (!done.before.empty() && done.before != done.version) text += " in place of " + done.before;
  return text + (done.key.empty() ? ", not signed" : ", signed by key " + done.key) + '\n';
}

void describe(support::Object& json, const Installed& done) {
  json.text("id", done.id).text("version", done.version);
  if (done.key.empty()) {
    json.null("key");
  } else {
    json.text("key", done.key);
  }
  if (done.before.empty()) {
    json.null("before");
  } else {
    json.text("before", done.before);
  }
  json.boolean("changed", !done.is_unchanged).texts("commands", done.commands);
}

std::string short_text(const Offer& offer, const std::string& installed) {
  std::string text = offer.id + ' ' + offer.version;
  if (!installed.empty()) text += " (installed: " + installed + ")";
  return text + "\n    " + offer.summary + '\n';
}

bool matches(const Offer& offer, const std::string& word) {
  const auto has = [&](const std::string& text) {
    return support::lower_case(text).find(word) != std::string::npos;
  };
  return has(offer.id) || has(offer.summary) ||
         std::any_of(offer.commands.begin(), offer.commands.end(), has);
}

}  // namespace

int install_verb(const Call& call) {
  const std::string source = text_of(call, "SOURCE");
  return judged(call, source, [&] {
    const std::string home = home_of(call);
    const Fetcher fetcher(call, home);
    const Installed done = put(fetcher, home, find(call, fetcher, home, source), "install");
    print_either(call, support::json_object([&](support::Object& json) { describe(json, done); }),
                 sentence(done));
    for (const auto& command : done.commands) warn_of_shadow(call, home, done.id, command);
    return 0;
  });
}

int update_verb(const Call& call) {
  const std::string home = home_of(call);
  return judged(call, "the update", [&] {
    const Store store(home);
    std::vector<std::string> ids;
    for (const auto id : call.texts("ID")) ids.emplace_back(id);
    if (ids.empty()) ids = store.ids();
    const Fetcher fetcher(call, home);
    const auto offers = all_offers(call, fetcher, home);
    int exit_code = 0;
    std::string text;
    const auto update_one = [&](support::JsonWriter& writer, const std::string& id) {
      support::Object json(writer);
      json.text("id", id);
      const auto active = store.active(id);
      const Offer* offer = newest(offers, id, "");
      if (!active) throw Error(Errc::not_found, "bundle '" + id + "' is not installed");
      const bool is_newer = offer != nullptr && compare_versions(*active, offer->version) < 0;
      json.text("active", *active).text("newest", is_newer ? offer->version : *active);
      bool is_updated = false;
      if (is_newer && !call.flag("check")) {
        exit_code =
            std::max(exit_code, judged(call, id, [&] {
                       const Expected expected{offer->id, offer->version, offer->sha256};
                       text += sentence(put(fetcher, home, {offer->location, expected}, "update"));
                       is_updated = true;
                       return 0;
                     }));
      } else if (is_newer) {
        text += id + ' ' + *active + ": " + offer->version + " is available\n";
      }
      json.boolean("updated", is_updated);
    };
    const std::string json = support::json_array(ids, update_one);
    print_either(call, json, text.empty() && exit_code == 0 ? "everything is up to date\n" : text);
    return exit_code;
  });
}

int search_verb(const Call& call) {
  const std::string home = home_of(call);
  const std::string word = support::lower_case(text_of(call, "WORD"));
  return judged(call, "the index", [&] {
    const Store store(home);
    const auto offers = all_offers(call, Fetcher(call, home), home);
    std::vector<const Offer*> found;
    for (const auto& offer : offers)
      if (matches(offer, word) && newest(offers, offer.id, "") == &offer) found.push_back(&offer);
    std::sort(found.begin(), found.end(),
              [](const Offer* a, const Offer* b) { return a->id < b->id; });
    std::string text;
    for (const auto* offer : found)
      text += short_text(*offer, store.active(offer->id).value_or(""));
    const std::string json =
        support::json_array(found, [&](support::JsonWriter& writer, const Offer* offer) {
          support::Object object(writer);
          object.text("id", offer->id)
              .text("version", offer->version)
              .text("summary", offer->summary)
              .texts("commands", offer->commands)
              .texts("platforms", offer->platforms)
              .number("size", offer->size)
              .text("url", offer->location);
          if (const auto active = store.active(offer->id)) object.text("installed", *active);
        });
    print_either(call, json, text);
    return 0;
  });
}

}  // namespace jetpack::bundles
