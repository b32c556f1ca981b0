// The blobs of the hub's lockers, as files in one directory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Poco/MD5Engine.h>

#include "blobs/blob_file.hpp"
#include "blobs/blob_ledger.hpp"
#include "common/storage_quotas.hpp"
#include "support/crc64.hpp"
#include "support/files.hpp"

namespace jetpack::hub {

struct ListedBlob {
  std::string name;
  std::optional<BlobProperties> properties;  // nullopt: not a blob but a common prefix
};

// Checks that the blob is in the state that a change expects; throws a BlobError
// if not. nullptr: there is no such blob.
using BlobCondition = std::function<void(const BlobProperties*)>;

class BlobStore;

// What will be written, as far as it is known.
struct BlobUpload {
  BlobUse use;
  uint64_t bytes = 0;
  uint64_t credit = 0;  // what becomes free when it is complete
  bool is_administrator = true;
};

// Content of a future blob or block: a temporary file, removed unless it is committed.
class BlobWriter {
 public:
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;
  ~BlobWriter();

  void write(std::string_view data);
  // The MD5 of what was written, in base64. Once only.
  std::string md5();
  // Its CRC64, as in x-ms-content-crc64.
  std::string crc64() const { return support::crc64_header(crc64_.value()); }

 private:
  friend class BlobStore;
  BlobWriter(const BlobStore& store, BlobLedger::Charge charge, support::Fd file, std::string path);

  void wrote(uint64_t bytes);

  const BlobStore& store_;
  BlobLedger::Charge charge_;
  support::Fd file_;
  std::string path_;
  Poco::MD5Engine digest_;
  support::Crc64 crc64_;
};

// Safe to use from several threads, and from several processes on one directory. A blob is one
// file, ROOT/CONTAINER/DIRECTORY/.../NAME%blob: the content, then its properties; it is replaced
// whole, so that readers of an older one are not disturbed. Names are as Azure's, except those that
// no sound client makes: an empty, "." or ".." segment, control characters, and more than 200 bytes
// in one segment.
class BlobStore {
 public:
  explicit BlobStore(std::filesystem::path root, const StorageQuotas& quotas = {});

  // False when it exists already.
  bool create_container(const std::string& container);
  bool has_container(const std::string& container) const;

  // nullopt when there is no such blob. Throws 404 ContainerNotFound, 400 for a bad name.
  std::optional<OpenBlob> open(const std::string& container, const std::string& blob) const;

  // The blobs whose names begin with `prefix`, in the order of their bytes, after the name
  // `after`. With `is_grouped`, names with a '/' after the prefix are reported once, as a common
  // prefix. Stops when `visit` returns false.
  void list(const std::string& container, const std::string& prefix, const std::string& after,
            bool is_grouped, const std::function<bool(const ListedBlob&)>& visit) const;

  // Throws a BlobError when it would exceed a quota, DiskFull when the disk's reserve would be used.
  BlobWriter start(BlobUpload upload = {});
  // The blob is complete and on disk when this returns.
  BlobProperties commit(BlobWriter& writer, const std::string& container, const std::string& blob,
                        BlobProperties properties, const BlobCondition& condition);
  // Stores what was written as a block that is not part of the blob yet. `id` is base64.
  void keep_block(BlobWriter& writer, const std::string& container, const std::string& blob,
                  const std::string& id);
  // Creates the blob from stored blocks, and removes all that were stored for it.
  BlobProperties commit_blocks(const std::vector<std::string>& ids, const std::string& container,
                               const std::string& blob, BlobProperties properties,
                               const BlobCondition& condition, bool is_administrator = true);
  // What the blob takes on the disk; 0 when there is none.
  uint64_t bytes_of(const std::string& container, const std::string& blob) const;
  // False when it does not exist.
  bool remove(const std::string& container, const std::string& blob,
              const BlobCondition& condition);

  // Removes what was left unfinished and counts everything. Other processes change the directory
  // too, and what changes meanwhile may be counted wrongly: so repeat it now and then.
  void recount();

 private:
  friend class BlobWriter;
  std::filesystem::path container_path(const std::string& container) const;
  std::filesystem::path blob_path(const std::string& container, const std::string& blob) const;
  std::filesystem::path blocks_path(const std::string& container, const std::string& blob) const;
  std::filesystem::path waiting() const { return root_ / ".waiting"; }
  void remove_forgotten() const;
  void require_room(uint64_t bytes) const;
  void remove_blocks(const BlobUse& use);

  std::filesystem::path root_;
  StorageQuotas quotas_;
  BlobLedger ledger_{quotas_};
  std::mutex changing_;
};

}  // namespace jetpack::hub
