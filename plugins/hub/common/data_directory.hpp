// The layout of the hub's data directory.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace jetpack::hub {

struct DataDirectory {
  std::filesystem::path root;

  std::filesystem::path database() const { return root / "hub.db"; }
  std::filesystem::path certificates() const { return root / "tls"; }
  std::filesystem::path log() const { return root / "logs" / "hub.log"; }
  std::filesystem::path lock() const { return root / "hub.lock"; }
  std::filesystem::path blobs() const { return root / "blobs"; }
  std::filesystem::path blob_key() const { return root / "blob-account.key"; }
  // What `hub simulate` and the simulated Azure share.
  std::filesystem::path azure() const { return root / "azure.json"; }
  // {"url", "blobs", "metadata", "ca", "pid", "data"} of the hub that runs here, or ran last.
  std::filesystem::path status() const { return root / "hub.json"; }
};

// Creates the directory, for its owner only, unless it exists. The path becomes absolute.
DataDirectory open_data_directory(const std::filesystem::path& root);

// The address of the hub that runs here, or ran last.
std::optional<std::string> last_url(const DataDirectory& data);

// Whether the hub that runs here, or ran last, was given a certificate of an authority that nodes have
// to trust already (--cert).
bool has_given_certificate(const DataDirectory& data);

}  // namespace jetpack::hub
