// `jetpack plugin pack`, `sign`, `index`, `keygen` and `trust`.
#include <sys/stat.h>

#include <algorithm>

#include "bundles/index.hpp"
#include "bundles/key_files.hpp"
#include "bundles/pack.hpp"
#include "bundles/signature.hpp"
#include "bundles/verbs.hpp"
#include "loader/audit.hpp"
#include "loader/policy.hpp"
#include "loader/refusal.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack::bundles {

namespace {

constexpr unsigned public_mode = 0644, private_mode = 0600;
constexpr uint64_t max_index = 16 << 20;

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

std::vector<std::string> all_of(const Call& call, std::string_view name) {
  std::vector<std::string> all;
  for (const auto text : call.texts(name)) all.emplace_back(text);
  return all;
}

// NAME=VALUE, as section [limits] of a policy has them.
Limits limits_of(const std::vector<std::string>& given) {
  std::string section = "[limits]\n";
  for (const auto& limit : given) {
    if (limit.find('=') == std::string::npos || limit.find('\n') != std::string::npos)
      throw Error(Errc::usage, "the limit '" + support::one_line(limit) + "' is not NAME=VALUE");
    section += limit + '\n';
  }
  try {
    return Policy::parse(section, "--max").limits;
  } catch (const Error& error) {
    throw Error(Errc::usage, error.what());
  }
}

std::optional<PrivateKey> key_of(const Call& call) {
  if (!call.given("key")) return std::nullopt;
  return read_private_key(text_of(call, "key"));
}

std::string description(const BundleManifest& manifest, const std::string& file,
                        const std::string& key) {
  return support::json_object([&](support::Object& json) {
    json.text("id", manifest.id).text("version", manifest.version).text("file", file);
    json.texts("platforms", manifest.platforms).number("files", manifest.files.size());
    if (key.empty()) {
      json.null("key");
    } else {
      json.text("key", key);
    }
  });
}

std::string signed_by(const std::string& key) {
  return key.empty() ? ", not signed" : ", signed by key " + key;
}

}  // namespace

int pack_verb(const Call& call) {
  return judged(call, "to pack it", [&] {
    PackRequest request;
    request.sources = all_of(call, "PLUGIN");
    request.share = text_of(call, "share");
    request.id = text_of(call, "id");
    request.version = text_of(call, "version");
    request.capabilities = all_of(call, "capability");
    request.limits = limits_of(all_of(call, "max"));
    const auto key = key_of(call);
    const Packing packing = prepare(request);
    const auto& manifest = packing.manifest;
    const std::string output = call.given("output") ? text_of(call, "output")
                                                    : manifest.id + '-' + manifest.version + ".jpb";
    write_bundle(packing, key ? &*key : nullptr, output);
    const std::string key_id = key ? key->public_key().id() : "";
    print_either(call, description(manifest, output, key_id),
                 "packed " + manifest.id + ' ' + manifest.version + " into " + output +
                     signed_by(key_id) + '\n');
    return 0;
  });
}

int sign_verb(const Call& call) {
  const std::string file = text_of(call, "PATH");
  return judged(call, file, [&] {
    const auto key = key_of(call);
    const std::string id = key->public_key().id();
    const std::string start = [&] {
      const support::Fd fd = support::open_file(file);
      if (!fd) throw Error(Errc::not_found, "cannot read " + file + ": not found");
      std::string bytes(2, '\0');
      return FileReader(fd.get()).read(0, bytes) == 2 ? bytes : std::string();
    }();
    std::string what = file;
    if (start == "PK") {
      const BundleManifest manifest = sign_bundle(file, *key);
      what = manifest.id + ' ' + manifest.version;
    } else {
      const std::string text = support::read_input(file, max_index);
      support::write_durably(file + ".sig", Signature::sign(*key, text).text(), public_mode);
    }
    print_either(call, support::json_object([&](support::Object& json) {
                   json.text("file", file).text("key", id);
                 }),
                 "signed " + what + " with key " + id + '\n');
    return 0;
  });
}

int index_verb(const Call& call) {
  return judged(call, "to list it", [&] {
    const auto key = key_of(call);
    const std::string text = index_of(all_of(call, "BUNDLE"));
    const std::string output = text_of(call, "output");
    support::write_durably(output, text, public_mode);
    const std::string id = key ? key->public_key().id() : "";
    if (key)
      support::write_durably(output + ".sig", Signature::sign(*key, text).text(), public_mode);
    print_either(call, text,
                 "listed " + std::to_string(call.texts("BUNDLE").size()) + " bundles in " + output +
                     signed_by(id) + '\n');
    return 0;
  });
}

int keygen_verb(const Call& call) {
  const std::string file = text_of(call, "PATH");
  if (exists(file) || exists(file + ".pub"))
    throw Error(Errc::failed, "cannot create " + file +
                                  ": it, or its .pub, exists; bundles that were signed with a key "
                                  "need it, so it is not replaced");
  const PrivateKey key = PrivateKey::generate();
  const PublicKey its_public = key.public_key();
  support::write_durably(file, private_key_pem(key), private_mode);
  support::write_durably(file + ".pub", public_key_pem(its_public), public_mode);
  print_either(
      call, support::json_object([&](support::Object& json) {
        json.text("key", its_public.id()).text("private", file).text("public", file + ".pub");
      }),
      "created key " + its_public.id() + ": " + file + " (keep it secret) and " + file + ".pub\n");
  return 0;
}

int trust_verb(const Call& call) {
  const std::string home = home_of(call);
  const TrustedKeys keys(home + "/plugins/keys");
  const auto files = all_of(call, "FILE");
  if (call.given("distrust") && !files.empty())
    throw Error(Errc::usage, "specify FILE or --distrust, not both");
  if (call.given("distrust")) {
    const std::string id = text_of(call, "distrust");
    if (!keys.remove(id)) throw Error(Errc::not_found, "key " + id + " is not trusted");
    write_audit(home, {"trust", {}, {}, id, false, "no longer trusted"});
  }
  for (const auto& file : files) {
    const PublicKey key = read_public_key(file);
    keys.add(key);
    write_audit(home, {"trust", {}, {}, key.id(), true, "trusted from now on"});
  }
  const auto listed = keys.list();
  std::string text;
  for (const auto& key : listed)
    text += key.id + (key.problem.empty() ? "" : ": not used: " + support::one_line(key.problem)) +
            '\n';
  const std::string json =
      support::json_array(listed, [](support::JsonWriter& writer, const TrustedKeys::Listed& key) {
        support::Object object(writer);
        object.text("key", key.id);
        if (!key.problem.empty()) object.text("problem", key.problem);
      });
  print_either(call, json, text);
  return 0;
}

}  // namespace jetpack::bundles
