// Whether a bundle may be installed.
#include "bundles/judge.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "bundles/signature.hpp"
#include "loader/refusal.hpp"
#include "support/text.hpp"

namespace jetpack::bundles {

namespace {

// Both hold the same files, of the same sizes.
void check_files(const Content& content, const BundleManifest& manifest) {
  uint64_t listed = 0;
  for (const auto& entry : content.entries()) {
    if (entry.path == manifest_name || entry.path == signature_name) continue;
    const auto file = manifest.files.find(entry.path);
    if (file == manifest.files.end())
      throw Refusal("its file '" + entry.path + "' is not in its manifest");
    if (file->second.size != entry.size)
      throw Refusal("its file '" + entry.path + "' has " + std::to_string(entry.size) +
                    " bytes, its manifest says " + std::to_string(file->second.size));
    ++listed;
  }
  if (listed == manifest.files.size()) return;
  for (const auto& [path, file] : manifest.files)
    if (content.find(path) == nullptr)
      throw Refusal("its file '" + path + "' is in its manifest and missing");
}

void check_services_and_abi(const BundleManifest& manifest) {
  if (manifest.abi_major != JP_ABI_MAJOR || manifest.abi_minor > JP_ABI_MINOR)
    throw Refusal("it is built for plugin ABI " + std::to_string(manifest.abi_major) + "." +
                  std::to_string(manifest.abi_minor) + ", this jetpack offers " +
                  std::to_string(JP_ABI_MAJOR) + "." + std::to_string(JP_ABI_MINOR));
}

}  // namespace

std::string check_signature(std::string_view signed_text, std::string_view text,
                            const std::string& home, const Policy& policy,
                            const std::string& what) {
  if (text.empty()) {
    if (policy.signatures_required)
      throw Refusal("it is not signed, and signatures are required (config/plugins.ini)");
    return {};
  }
  const Signature signature = Signature::parse(text);
  const std::string key = signature.key.id();
  if (!signature.is_of(signed_text))
    throw Refusal("its " + what + " is not what key " + key + " signed: it was changed since");
  if (policy.is_revoked_key(key))
    throw Refusal("its key " + key + " is revoked in config/plugins.ini");
  bool is_trusted = false;
  try {
    is_trusted = TrustedKeys(home + "/plugins/keys").contains(signature.key);
  } catch (const Error& error) {
    throw Refusal(error.what());
  }
  // Without the requirement an unknown signer is as good as none.
  if (!is_trusted && policy.signatures_required)
    throw Refusal("it is signed by key " + key +
                  ", which is not trusted; if you trust its owner, run 'jetpack plugin trust' with "
                  "the owner's public key");
  return is_trusted ? key : std::string();
}

void check_policy(const BundleManifest& manifest, const std::string& key, const Policy& policy) {
  if (const std::string why = policy.objection(manifest.id, manifest.version, key); !why.empty())
    throw Refusal(why);
  for (const auto& capability : manifest.capabilities)
    if (!policy.grants(capability))
      throw Refusal("it asks for '" + support::one_line(capability) +
                    "', which config/plugins.ini does not grant ([allow] capabilities)");
}

Judged judge(const Content& content, const std::string& home, const Policy& policy, Judged& known) {
  known.manifest_text = content.read_small(manifest_name, max_manifest);
  if (content.find(signature_name) != nullptr)
    known.signature_text = content.read_small(signature_name, max_signature);
  // The signature first: what nobody vouches for is not even parsed.
  known.key = check_signature(known.manifest_text, known.signature_text, home, policy);
  known.manifest = BundleManifest::parse(known.manifest_text);
  if (known.manifest.text() != known.manifest_text)
    throw Refusal("its manifest is not written as 'jetpack plugin pack' writes it");
  check_policy(known.manifest, known.key, policy);
  check_services_and_abi(known.manifest);
  check_files(content, known.manifest);
  return known;
}

namespace {

[[noreturn]] void refuse(const std::string& library, const std::string& what) {
  throw Refusal(library + ": " + what);
}

}  // namespace

void check_plugins(const std::string& directory, const BundleManifest& manifest) {
  const Manifest native = Manifest::parse(manifest.text(), std::string(manifest_name));
  for (const auto& library : native.libraries()) {
    std::string path = directory;
    path.append("/").append(library);
    try {
      check_runs_here(path);
    } catch (const Refusal& refusal) {
      throw Refusal(library + ": " + refusal.what());
    }
    const PluginFile plugin = read_plugin_file(path);
    const bool is_own = plugin.id == manifest.id && plugin.version == manifest.version;
    if (!is_own && !plugin.id.starts_with(manifest.id + '.'))
      throw Refusal(library + ": its note says " + support::one_line(plugin.id) + ' ' +
                    support::one_line(plugin.version) + ", the manifest " + manifest.id + ' ' +
                    manifest.version);
    std::vector<PluginFile::Command> listed;
    for (const auto& command : manifest.commands)
      if (command.library == library) listed.push_back({command.name, command.summary});
    if (listed != plugin.commands)
      throw Refusal(library + ": its note declares other commands than the manifest");
    for (const auto& service : plugin.needed)
      if (std::find(manifest.needed.begin(), manifest.needed.end(), service) ==
          manifest.needed.end())
        refuse(library, "it needs " + service + ", which the manifest does not require");
    std::string program = library.substr(0, library.rfind('/') + 1);
    program += plugin.program;
    if (!plugin.program.empty() && !manifest.files.contains(program))
      refuse(library, "its program " + program + " is not in the bundle");
  }
}

}  // namespace jetpack::bundles
