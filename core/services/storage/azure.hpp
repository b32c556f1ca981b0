// The Blob service of Azure over REST: each call once, with whatever credential opens the locker.
//
// By the REST reference of the Blob service, version 2021-12-02.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/http/client.hpp"
#include "services/storage/access_token.hpp"
#include "services/storage/blob_xml.hpp"
#include "services/storage/locker_source.hpp"
#include "services/storage/md5.hpp"
#include "services/storage/ranges.hpp"

namespace jetpack::storage {

// Thrown inside when a blob is no longer the one that was asked for.
struct BlobChanged {};

// How this node transfers.
struct Settings {
  int connections = 4;
  int tries = 8;
  std::chrono::seconds stall{30};
  std::string metadata_url;
};

// May be used by several threads. Every call is one exchange, two or three where the credential
// had to be renewed, and throws http::Retryable when a later one may succeed.
class Azure {
 public:
  // How to reach a locker: certificates and proxy.
  using Network = std::function<http::Settings(const Description&)>;

  Azure(LockerSource& source, Settings settings, Network network);

  const Settings& settings() const { return settings_; }
  http::Halt& halt() { return halt_; }

  // To be called before a transfer: forgets that the one before was halted.
  void begin() { halt_.clear(); }

  // Calls it again while it throws http::Retryable.
  template <class Attempt>
  auto retried(Attempt&& attempt) {
    return http::with_retries(settings_.tries, halt_, std::forward<Attempt>(attempt));
  }

  // "az://account/container".
  std::string address() { return source_->current()->address; }

  // nullopt when there is no such blob.
  std::optional<BlobInfo> properties(std::string_view blob);

  // The blobs after `marker`, which is empty for the first page. Names are those in the locker.
  BlobPage page(std::string_view prefix, const std::string& marker);

  // Told about a response of get() as it begins: its bytes, and their CRC64 as the header has it,
  // empty where it has none.
  using Announce = std::function<void(Range range, const std::string& crc64)>;

  // Gives bytes begin to end - 1 of the blob to `take`, in order. With `announce` asks for their
  // CRC64, unless they are more than most_guarded. Throws BlobChanged when the blob's ETag or length
  // is no longer that of `blob`.
  void get(const BlobInfo& blob, uint64_t begin, uint64_t end,
           const std::function<void(std::string_view)>& take, const Announce& announce = nullptr);

  void put(std::string_view blob, const std::string& content_type, std::string_view content);
  // The block carries its CRC64 where the locker checks that, else the MD5, which is computed when it
  // is missing.
  void put_block(std::string_view blob, const std::string& id, std::string_view content,
                 std::optional<Md5Digest> md5);
  // Whether blocks need no MD5, as far as is known.
  bool checks_crc64() const { return checks_crc64_; }
  void put_block_list(std::string_view blob, const std::vector<std::string>& ids,
                      const std::string& content_type);
  // False when there was none.
  bool remove(std::string_view blob);

  DelegationKey delegation_key(support::SystemTime starts, support::SystemTime expires);

  // How the locker can be opened, as it is known now.
  LockerSource::Known access() { return source_->current(); }

 private:
  struct Call {
    std::string method = "GET";
    std::string_view blob = {};   // its name in the locker; empty: the container
    bool is_for_service = false;  // neither
    Parameters query = {};
    Parameters headers = {};
    std::string_view body = {};
    uint64_t max_body = 64 << 10;
    bool may_be_unsupported = false;  // the caller looks at is_unsupported() first
  };
  class Lease;

  http::Response exchange(const Call& call, const http::BodySink& sink = nullptr);
  http::Response send(http::Client& client, const LockerSource::Known& locker,
                      const std::string& token, const Call& call, const http::BodySink& sink);
  std::string token_for(http::Client& client, const Credential& credential);
  http::Settings network_for(const LockerSource::Known& locker);

  LockerSource* source_;
  Settings settings_;
  Network network_;
  AccessTokens tokens_;
  http::Halt halt_;
  // Until the locker shows that it does not.
  std::atomic<bool> gives_crc64_ = true;
  std::atomic<bool> checks_crc64_ = true;
  std::mutex mutex_;  // of what follows
  std::vector<std::unique_ptr<http::Client>> idle_;
  LockerSource::Known reached_;  // the locker that reach_ is for
  http::Settings reach_;
};

}  // namespace jetpack::storage
