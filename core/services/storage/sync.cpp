// Makes a directory hold the blobs below a prefix.
#include "services/storage/sync.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>

#include <jetpack/error.hpp>
#include "services/storage/names.hpp"
#include "services/storage/sync_listing.hpp"
#include "services/storage/sync_manifest.hpp"
#include "services/storage/sync_tree.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/sha256.hpp"
#include "support/text.hpp"

namespace jetpack::storage {

namespace {

constexpr std::chrono::milliseconds lock_interval{100};
// How often it starts again because a blob was replaced meanwhile.
constexpr int most_restarts = 5;

void add_parents(std::set<std::string>& directories, const std::string& name) {
  for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
    directories.insert(name.substr(0, slash));
}

bool stat_of(const std::string& path, struct stat& info) {
  return ::lstat(path.c_str(), &info) == 0;
}

class Sync {
 public:
  Sync(Store& store, const SyncRequest& request);
  SyncResult run();

 private:
  // A blob of the listing, and where its content is now.
  struct Item {
    const std::string* name;
    const BlobInfo* blob;
    bool is_kept = false;
    std::string fetched = {};  // the file in new/
    SyncedFile file = {};
  };

  std::string cannot() const { return "cannot sync " + support::one_line(directory_) + ": "; }
  void check_parent() const;
  void open_state() const;
  support::FileLock lock() const;
  void recover();
  void clear_state() const;
  void plan();
  bool is_current(Item& item) const;
  void fetch();
  void check_room(uint64_t bytes) const;
  Manifest manifest_of_plan() const;
  bool is_up_to_date() const;
  void replace(Manifest manifest);
  void carry_over(NewTree& to) const;
  void complete();

  Store* store_;
  const SyncRequest* request_;
  std::string directory_;
  std::string state_;
  std::string tree_;
  std::string aside_;
  std::string source_;
  std::string boot_ = support::boot_id();
  Manifest last_;
  Listing listing_;
  std::vector<Item> items_;
  SyncResult result_;
};

Sync::Sync(Store& store, const SyncRequest& request)
    : store_(&store), request_(&request), directory_(request.directory) {
  while (directory_.size() > 1 && directory_.ends_with('/')) directory_.pop_back();
  const std::string name = directory_.substr(directory_.rfind('/') + 1);
  if (name.empty() || name == "." || name == ".." || directory_.find('\0') != std::string::npos)
    throw Error(Errc::usage, "cannot sync to '" + support::one_line(request.directory) +
                                 "': it names no directory that can be replaced");
  state_ = support::parent_directory(directory_) + "/." + name + ".jetpack-sync";
  tree_ = state_ + "/tree";
  aside_ = state_ + "/old";
  std::string prefix = request.prefix;
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  source_ = store.address() + '/' + prefix;
}

// Whoever can write there could exchange the directory himself, or what is beside it.
void Sync::check_parent() const {
  const std::string parent = support::parent_directory(directory_);
  struct stat info {};
  if (::stat(parent.c_str(), &info) != 0)
    throw Error(Errc::failed, cannot() + parent + ": " + support::system_message(errno));
  const bool is_of_other = info.st_uid != 0 && info.st_uid != ::geteuid();
  const bool is_open = (info.st_mode & S_ISVTX) == 0 &&
                       ((info.st_mode & S_IWOTH) != 0 ||
                        (::geteuid() == 0 && (info.st_mode & S_IWGRP) != 0 && info.st_gid != 0));
  if (is_of_other || is_open)
    throw Error(Errc::denied, cannot() + "other users can write to " + support::one_line(parent) +
                                  "; chown it to this user and chmod go-w it");
}

void Sync::open_state() const {
  if (::mkdir(state_.c_str(), 0700) != 0 && errno != EEXIST)
    throw Error(errno == ENOSPC || errno == EDQUOT ? Errc::unavailable : Errc::failed,
                cannot() + state_ + ": " + support::system_message(errno));
  struct stat info {};
  if (!stat_of(state_, info) || !S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() ||
      (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(Errc::denied,
                cannot() + state_ + " is not a directory that only this user can write; remove it");
}

support::FileLock Sync::lock() const {
  for (;;) {
    if (auto held = support::FileLock::attempt(state_ + "/lock", 0600, lock_interval))
      return std::move(*held);
    if (request_->watch) request_->watch(0, 0);
  }
}

// Puts what no sync wrote from the old tree into the new one.
void Sync::carry_over(NewTree& to) const {
  std::set<std::string> ours;
  for (const auto& named : last_.files) add_parents(ours, named.first);
  to.carry_over([this](const std::string& name) { return last_.files.contains(name); }, ours);
}

// The last steps of a sync, from the exchange of the trees on.
void Sync::complete() {
  struct stat info {};
  NewTree now(directory_, stat_of(aside_, info) ? aside_ : tree_);
  carry_over(now);
  if (::rename((state_ + "/next").c_str(), (state_ + "/manifest").c_str()) != 0)
    throw Error(Errc::failed, cannot() + state_ + ": " + support::system_message(errno));
  remove_tree(tree_);
  remove_tree(aside_);
}

// Removes what an unfinished sync has left and cannot be used.
void Sync::clear_state() const {
  ::unlink((state_ + "/next").c_str());
  for (const auto& entry : std::filesystem::directory_iterator(state_)) {
    const std::string name = entry.path().filename().string();
    // What the page cache held before the machine started again may be gone.
    const bool is_fetched = name == "new-" + boot_ && !request_->fresh;
    const bool is_damaged = name.find(".corrupt-") != std::string::npos;
    if (name != "lock" && name != "manifest" && !is_fetched && !is_damaged)
      remove_tree(entry.path().string());
  }
}

// What a sync that was killed has left is completed from the exchange of the trees on, else undone.
void Sync::recover() {
  struct stat info {};
  // Killed between two renames: the old one is whole.
  if (!stat_of(directory_, info) && stat_of(aside_, info)) [[maybe_unused]]
    const int status = ::rename(aside_.c_str(), directory_.c_str());
  const bool is_there = stat_of(directory_, info);
  if (is_there && !S_ISDIR(info.st_mode))
    throw Error(Errc::failed, cannot() + "it is not a directory; remove it");
  last_ = read_manifest(state_ + "/manifest", request_->warn);
  Manifest next = read_manifest(state_ + "/next", request_->warn);
  if (is_there && next.directory == info.st_ino) {
    complete();
    last_ = std::move(next);
  } else if (next.directory != 0 && stat_of(aside_, info)) {
    // Somebody has created the directory between the two renames.
    NewTree now(directory_, aside_);
    carry_over(now);
  }
  clear_state();
  if (::mkdir((state_ + "/new-" + boot_).c_str(), 0700) != 0 && errno != EEXIST)
    throw Error(errno == ENOSPC || errno == EDQUOT ? Errc::unavailable : Errc::failed,
                cannot() + state_ + ": " + support::system_message(errno));
}

// Whether the file in the directory is what the blob holds.
bool Sync::is_current(Item& item) const {
  const std::string path = directory_ + '/' + *item.name;
  struct stat found {};
  if (request_->fresh || !stat_of(path, found) || !S_ISREG(found.st_mode)) return false;
  const auto known = last_.files.find(*item.name);
  if (last_.source != source_ || known == last_.files.end()) return false;
  const SyncedFile& file = known->second;
  if (file.tag.empty() || file.tag != tag_of(*item.blob) || file.bytes != item.blob->bytes ||
      file.bytes != static_cast<uint64_t>(found.st_size) || file.modified != modified_of(found))
    return false;
  // Written before the machine started again, and never synced: what it was is known by its MD5.
  if (last_.boot != boot_ && (file.md5.empty() || md5_of_file(path) != file.md5)) return false;
  item.file = file;
  return true;
}

void Sync::plan() {
  items_.clear();
  result_ = {};
  const std::string fetched = state_ + "/new-" + boot_ + '/';
  for (const auto& [name, blob] : listing_.files) {
    Item item{&name, &blob};
    item.is_kept = is_current(item);
    if (!item.is_kept) {
      std::string content = source_ + name;
      content += '\0';
      content += tag_of(blob);
      item.fetched = fetched + support::sha256_hex(content);
    }
    items_.push_back(std::move(item));
    result_.bytes += blob.bytes;
  }
  result_.files = items_.size();
  struct stat info {};
  for (const auto& [name, file] : last_.files)
    if (!listing_.files.contains(name) && stat_of(directory_ + '/' + name, info)) ++result_.removed;
}

void Sync::check_room(uint64_t bytes) const {
  struct statvfs disk {};
  if (::statvfs(state_.c_str(), &disk) != 0) return;
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (bytes > free)
    throw Error(Errc::unavailable, cannot() + std::to_string(bytes) + " bytes are needed and " +
                                       std::to_string(free) +
                                       " are free; make room, or choose another disk");
}

void Sync::fetch() {
  std::vector<Wanted> wanted;
  std::vector<Item*> items;
  uint64_t bytes = 0;
  struct stat info {};
  for (Item& item : items_) {
    if (item.is_kept) continue;
    // Without a tag, an earlier one may be of another content.
    const bool is_there = !tag_of(*item.blob).empty() && stat_of(item.fetched, info) &&
                          static_cast<uint64_t>(info.st_size) == item.blob->bytes;
    if (is_there) {
      item.file.md5 = item.blob->md5;
      continue;
    }
    bytes += item.blob->bytes;
    wanted.push_back({item.blob, item.fetched});
    items.push_back(&item);
  }
  check_room(bytes);
  store_->download_all(wanted, OnFailure::stop, request_->watch);
  for (size_t i = 0; i < items.size(); ++i)
    items[i]->file.md5 = wanted[i].md5.empty() ? items[i]->blob->md5 : wanted[i].md5;
  result_.transferred = items.size();
  result_.transferred_bytes = bytes;
  for (Item& item : items_) {
    if (item.is_kept) continue;
    if (!stat_of(item.fetched, info))
      throw Error(Errc::failed, cannot() + item.fetched + ": " + support::system_message(errno));
    if (item.file.md5.empty()) item.file.md5 = md5_of_file(item.fetched);
    item.file.tag = tag_of(*item.blob);
    item.file.bytes = static_cast<uint64_t>(info.st_size);
    item.file.modified = modified_of(info);
  }
}

Manifest Sync::manifest_of_plan() const {
  Manifest manifest{source_, boot_, last_.directory, {}};
  for (const Item& item : items_) manifest.files.emplace(*item.name, item.file);
  return manifest;
}

bool Sync::is_up_to_date() const {
  struct stat info {};
  return result_.removed == 0 && stat_of(directory_, info) &&
         std::all_of(items_.begin(), items_.end(), [](const Item& item) { return item.is_kept; }) &&
         std::all_of(listing_.directories.begin(), listing_.directories.end(),
                     [&](const std::string& name) {
                       return stat_of(directory_ + '/' + name, info) && S_ISDIR(info.st_mode);
                     });
}

void Sync::replace(Manifest manifest) {
  struct stat info {};
  if (::mkdir(tree_.c_str(), 0777) != 0 || !stat_of(tree_, info))
    throw Error(errno == ENOSPC || errno == EDQUOT ? Errc::unavailable : Errc::failed,
                cannot() + tree_ + ": " + support::system_message(errno));
  manifest.directory = info.st_ino;
  NewTree made(tree_, directory_);
  made.add_directory("");
  for (const auto& name : listing_.directories) made.add_directory(name);
  for (const Item& item : items_)
    made.add_file(*item.name, item.is_kept ? directory_ + '/' + *item.name : item.fetched,
                  !item.is_kept);
  carry_over(made);
  write_manifest(state_ + "/next", manifest);
  exchange(tree_, directory_, aside_);
  complete();
}

SyncResult Sync::run() {
  support::create_directories(support::parent_directory(directory_), 0755);
  check_parent();
  open_state();
  const support::FileLock held = lock();
  recover();
  for (int restart = 0;; ++restart) {
    listing_ = list_for_sync(*store_, source_, request_->prefix);
    plan();
    try {
      fetch();
      break;
    } catch (const BlobChanged&) {
      if (restart == most_restarts)
        throw Error(Errc::unavailable,
                    cannot() + "blobs in " + source_ + " keep changing; try again later");
    }
  }
  Manifest manifest = manifest_of_plan();
  result_.changed = !is_up_to_date();
  if (result_.changed) {
    replace(std::move(manifest));
  } else if (manifest != last_) {
    write_manifest(state_ + "/manifest", manifest);
  }
  remove_tree(state_ + "/new-" + boot_);
  return result_;
}

}  // namespace

SyncResult sync(Store& store, const SyncRequest& request) { return Sync(store, request).run(); }

}  // namespace jetpack::storage
