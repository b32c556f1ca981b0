// The bundles of a home tree: HOME/plugins/store/ID/VERSION, and the links that choose one of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/file_lock.hpp"

namespace jetpack::bundles {

// active/ID -> ../store/ID/VERSION is what the host uses, previous/ID what `rollback` goes back to.
// A version's directory appears whole, by a rename, and a link is replaced by a rename: whenever a
// process is killed, one whole version is active. What such a process leaves has a name that begins
// with ".tmp-" and is removed by the next one that changes something.
class Store {
 public:
  // `home` need not have plugins/ yet.
  explicit Store(const std::string& home) : root_(home + "/plugins") {}

  const std::string& root() const { return root_; }
  std::string directory_of(const std::string& id, const std::string& version) const {
    return root_ + "/store/" + id + '/' + version;
  }

  // Ids that have an active version, sorted.
  std::vector<std::string> ids() const;
  // The version that is active, or that `rollback` would go back to.
  std::optional<std::string> active(const std::string& id) const;
  std::optional<std::string> previous(const std::string& id) const;
  // All versions that are there, in order.
  std::vector<std::string> versions(const std::string& id) const;

  // What follows changes the store, with the lock held.
  class Change;

 private:
  std::optional<std::string> version_in(const std::string& links, const std::string& id) const;

  std::string root_;
};

// Holds the store's lock. Creates what is missing of the directories, and removes what killed
// processes left. Throws Errc::denied when others than the owner could write there.
class Store::Change {
 public:
  explicit Change(const Store& store);

  // A new, empty directory on the same file system.
  std::string staging();
  // Removes a directory of the store: it is moved away first.
  void discard(const std::string& path);
  // Makes what was written there, and synced, the version of this id; `staging` is gone then. What
  // is there under this name is replaced at once.
  void adopt(const std::string& staging, const std::string& id, const std::string& version);
  // Makes the version active, and what was active the previous one; removes other versions.
  void activate(const std::string& id, const std::string& version);
  // Exchanges the active and the previous version, in one rename. Throws Errc::not_found when there
  // is none to go back to.
  void roll_back(const std::string& id);
  // Removes all versions. False when there was nothing.
  bool remove(const std::string& id);

 private:
  void sweep(const std::string& directory) const;
  void link(const std::string& links, const std::string& id, const std::string& version) const;
  void prune(const std::string& id);

  const Store& store_;
  support::FileLock lock_;
};

// fsync of a file or directory. Throws Error.
void sync_path(const std::string& path);

}  // namespace jetpack::bundles
