// Makes a bundle from plugins: the manifest from their notes, and the zip file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bundles/bundle_manifest.hpp"
#include "bundles/ed25519.hpp"

namespace jetpack::bundles {

struct PackRequest {
  // Libraries and notes of executable plugins, which go to lib/; or one directory, with lib/ and
  // share/, or with the plugins themselves and share/.
  std::vector<std::string> sources;
  std::string share;  // a directory whose content goes to share/; empty: none
  // Where the notes of several plugins differ.
  std::string id, version;
  std::vector<std::string> capabilities;
  Limits limits;
};

// A file of the bundle to be, and where it is now.
struct Part {
  std::string path;
  std::string file;
  bool is_executable = false;
};

struct Packing {
  BundleManifest manifest;
  std::vector<Part> parts;  // sorted by path
};

// Reads notes and files. Throws Error or Refusal that names what is wrong.
Packing prepare(const PackRequest& request);

// Writes the bundle to `output`, which appears when it is complete; signed when there is a key. The
// same input gives the same bytes.
void write_bundle(const Packing& packing, const PrivateKey* key, const std::string& output);

// Signs a bundle file in place, replacing a signature that it has. Returns what it holds.
BundleManifest sign_bundle(const std::string& file, const PrivateKey& key);

}  // namespace jetpack::bundles
