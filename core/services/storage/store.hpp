// A locker: what can be done with one, whatever it is.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/storage/blob_xml.hpp"
#include "services/storage/upload.hpp"

namespace jetpack::storage {

// What jp_downloaded, jp_signature and jp_signed say.
struct Downloaded {
  uint64_t bytes = 0;
  uint64_t resumed = 0;
  bool checked = false;
};

struct SignRequest {
  std::string_view blob;
  std::chrono::seconds validity;
  std::string_view content_disposition;
  std::string_view content_type;
};

struct SignedAddress {
  std::string url;
  support::SystemTime expires;
  bool shortened = false;
};

// A blob of a listing, and the file that is to hold it.
struct Wanted {
  const BlobInfo* blob;
  std::string path;
  // With `root`, the end of `path` that is below this directory: directories are created, and no
  // link is followed.
  int root = -1;
  std::string below = {};
  // Transfers all of it, even where a file with the blob's size and MD5, or a part, is there.
  bool fresh = false;

  // What became of it:
  std::string md5 = {};  // of the whole, hex, as far as it is known; else empty
  std::optional<Downloaded> done = {};
  std::exception_ptr failure = {};
};

// What a blob's failure means to the others. With `go_on` they are transferred, unless access was
// denied or the locker or the disk is unavailable, which would be so for them too.
enum class OnFailure { stop, go_on };

// Names have been checked. All throw Error, whose text says what was being done to what.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  virtual std::string address() = 0;
  // In the order of the names, until `take` returns false.
  virtual void list(std::string_view prefix, const std::function<bool(const BlobInfo&)>& take) = 0;
  virtual std::optional<BlobInfo> properties(std::string_view blob) = 0;
  virtual Downloaded download(std::string_view blob, const std::string& to, bool fresh,
                              const Watch& watch) = 0;
  // Each file appears when it is complete and verified; when it throws, some are there. Files that
  // an earlier call left incomplete are resumed. With OnFailure::stop throws the first failure,
  // BlobChanged when a blob is no longer the one of the listing; with `go_on`, the blob as it is
  // then is transferred, and only `watch` ends it.
  virtual void download_all(std::vector<Wanted>& wanted, OnFailure policy, const Watch& watch) = 0;
  virtual uint64_t upload(std::string_view blob, const std::string& content_type,
                          const Content& content, const Watch& watch) = 0;
  virtual void remove(std::string_view blob) = 0;
  virtual SignedAddress sign(const SignRequest& wish) = 0;
};

// Has the node's server sign, where the locker is the server's.
using ServerSign = std::function<SignedAddress(const SignRequest&)>;

// A container of Azure's Blob service, or of what speaks its language.
std::unique_ptr<Store> open_azure_store(LockerSource& source, Settings settings,
                                        Azure::Network network, ServerSign server_sign);

// A directory: the locker of a node without a cloud. `source` is where it is described, for errors.
std::unique_ptr<Store> open_directory_store(std::string directory, std::string source);

}  // namespace jetpack::storage
