// Whether a bundle may be installed: signature, policy, and that it holds what its manifest says.
#pragma once

#include <string>

#include "bundles/bundle_manifest.hpp"
#include "bundles/content.hpp"
#include "loader/policy.hpp"

namespace jetpack::bundles {

// A bundle whose manifest is known to be from whom it says. Its files are not read yet.
struct Judged {
  std::string manifest_text;
  std::string signature_text;  // empty: it is not signed
  std::string key;             // id of the key; empty: it is not signed
  BundleManifest manifest;
};

// `home` has the trusted keys. Fills in `known` as far as it gets, for the audit log. Throws
// Refusal.
Judged judge(const Content& content, const std::string& home, const Policy& policy, Judged& known);

// The signature alone, `text`, of a manifest or of an index, as `what` says: the id of the trusted key, or ""
// where there is none and the policy allows that. Throws Refusal.
std::string check_signature(std::string_view signed_text, std::string_view text,
                            const std::string& home, const Policy& policy,
                            const std::string& what = "manifest");

// Whether the policy allows the bundle. Throws Refusal.
void check_policy(const BundleManifest& manifest, const std::string& key, const Policy& policy);

// Whether a directory that the bundle was unpacked in holds plugins that say the same as the
// manifest, and that this jetpack can run. Throws Refusal.
void check_plugins(const std::string& directory, const BundleManifest& manifest);

}  // namespace jetpack::bundles
