// Tokens of this machine's managed identity, from the metadata service of Azure.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "services/http/client.hpp"

namespace jetpack::storage {

// May be used by several threads.
class AccessTokens {
 public:
  // `metadata_url`: "http://169.254.169.254".
  AccessTokens(std::string metadata_url, int tries)
      : metadata_url_(std::move(metadata_url)), tries_(tries) {}

  // A token for Azure Storage. `identity` is Credential::identity. Throws Errc::denied when the
  // machine has no such identity, Errc::unavailable when the service does not answer.
  std::string get(http::Client& client, http::Halt& halt, const std::string& identity);

  // The locker has refused it: the next get() asks again.
  void drop(const std::string& token);

 private:
  http::Response ask(http::Client& client, const std::string& identity) const;

  std::string metadata_url_;
  int tries_;
  std::mutex mutex_;
  std::string identity_;
  std::string token_;
  std::chrono::steady_clock::time_point ends_{};
};

}  // namespace jetpack::storage
