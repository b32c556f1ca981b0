// What a locker is, and what opens it: the JSON of config/locker.json and of the server.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "services/storage/signing.hpp"

namespace jetpack::storage {

// What proves to Azure Storage that we may.
struct Credential {
  enum class Kind {
    none,     // what everybody may read
    sas,      // `secret` is the query of a shared access signature
    key,      // `secret` is the account's key, decoded
    identity  // a managed identity of this machine: `identity` says which
  };

  Kind kind = Kind::none;
  std::string secret;
  std::string identity;  // "", "client_id=..." or "msi_res_id=...", percent-encoded

  bool operator==(const Credential&) const = default;
};

// Where reports go, the blobs whose names begin with "issues/", when they are opened by a credential
// of their own.
struct Reports {
  std::string container;
  std::string directory;  // that stands for "issues": "issues/cluster/node"
  Credential credential;
  bool is_readable = false;   // whether the credential reads them, too
  bool server_signs = false;  // POST /clusterlink/sign of the node's server signs their URLs

  bool operator==(const Reports&) const = default;
};

struct Description {
  std::string address;    // as people know it, without secrets: "az://account/container"
  std::string directory;  // of a locker on a file system; else empty
  std::string base;       // the address of the service: "https://account.blob.core.windows.net"
  std::string host;       // in `base`
  std::string account;    // empty when it is unknown
  std::string container;
  std::string prefix;   // of all blobs of the locker in the container, ending in '/'; or empty
  std::string ca_file;  // PEM; empty: not given
  Credential credential;
  std::optional<support::SystemTime> expires;  // of the credential
  std::optional<Reports> reports;
  std::string source;        // where it was found, for errors: "/opt/.../config/locker.json"
  bool from_server = false;  // the server has sent it, now or earlier

  // "https://127.0.0.1:10000/account/container".
  std::string container_url() const { return base + '/' + container; }
  // Whether the blob is one of `reports`.
  bool is_report(std::string_view blob) const;
  // What opens a blob; with "", the container.
  const Credential& credential_of(std::string_view blob) const {
    return is_report(blob) ? reports->credential : credential;
  }
  // Where a blob is, without a credential; its name is percent-encoded.
  std::string blob_url(std::string_view blob) const;
  bool opens_alike(const Description& other) const;
};

// Throws Errc::corrupt, naming `source`, or Errc::denied for http to another host. No text of an
// error repeats what could be a secret.
Description parse_description(std::string_view json, const std::string& source);

}  // namespace jetpack::storage
