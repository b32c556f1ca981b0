// A directory as a locker: the blobs are its files.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include <jetpack/error.hpp>
#include "services/storage/names.hpp"
#include "services/storage/partial_file.hpp"
#include "services/storage/store.hpp"
#include "services/storage/wanted.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/open_below.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::storage {

namespace {

constexpr size_t copy_size = 512 << 10;
constexpr int deepest_directory = 100;

bool is_of_a_transfer(std::string_view name) {
  return name.starts_with('.') &&
         (name.ends_with(".jetpack-part") || name.ends_with(".jetpack-state") ||
          name.ends_with(".jetpack-state~"));
}

Error system_error(const std::string& doing, int error) {
  const Errc code = error == EACCES || error == EPERM || error == EROFS ? Errc::denied
                    : error == ENOSPC || error == EDQUOT                ? Errc::unavailable
                                                                        : Errc::failed;
  return {code, doing + ": " + support::system_message(error)};
}

support::Fd open_below(int directory, const std::string& name, int flags) {
  return support::open_below(directory, name, flags | O_NONBLOCK, support::Links::inside);
}

class DirectoryStore : public Store {
 public:
  DirectoryStore(std::string directory, std::string source)
      : directory_(std::move(directory)), source_(std::move(source)) {}

  std::string address() override { return "file://" + directory_; }
  void list(std::string_view prefix, const std::function<bool(const BlobInfo&)>& take) override;
  std::optional<BlobInfo> properties(std::string_view blob) override;
  Downloaded download(std::string_view blob, const std::string& to, bool fresh,
                      const Watch& watch) override;
  void download_all(std::vector<Wanted>& wanted, OnFailure policy, const Watch& watch) override;
  uint64_t upload(std::string_view blob, const std::string& content_type, const Content& content,
                  const Watch& watch) override;
  void remove(std::string_view blob) override;
  SignedAddress sign(const SignRequest& wish) override;

 private:
  using Take = std::function<bool(const BlobInfo&)>;

  std::string step(const std::string& what, std::string_view blob) const {
    return "cannot " + what + ' ' + quoted(blob) + " in the locker file://" + directory_;
  }
  support::Fd open_root() const;
  support::Fd open_blob(const support::Fd& root, std::string_view blob,
                        const std::string& what) const;
  template <class Open>
  Downloaded copy(std::string_view blob, const std::string& etag, const Watch& watch, Open open);
  void create_parents(std::string_view blob) const;
  bool walk(int root, const std::string& below, std::string_view prefix, const Take& take,
            int depth) const;

  std::string directory_;
  std::string source_;
};

support::Fd DirectoryStore::open_root() const {
  support::Fd root(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root) return root;
  if (errno == ENOENT || errno == ENOTDIR)
    throw Error(Errc::failed,
                "the locker file://" + directory_ + " (described in " + source_ +
                    ") does not exist: there is no such directory; make it, mount it, "
                    "or describe another locker");
  throw system_error("cannot open the locker file://" + directory_, errno);
}

BlobInfo info_of(const std::string& name, const struct stat& file) {
  BlobInfo info;
  info.name = name;
  info.bytes = static_cast<uint64_t>(file.st_size);
  info.modified =
      support::iso_8601_seconds(std::chrono::system_clock::from_time_t(file.st_mtim.tv_sec));
  info.etag = '"' + std::to_string(file.st_ino) + '-' + std::to_string(file.st_mtim.tv_sec) + '.' +
              std::to_string(file.st_mtim.tv_nsec) + '-' + std::to_string(file.st_size) + '"';
  return info;
}

// An invalid one when there is no such file.
support::Fd DirectoryStore::open_blob(const support::Fd& root, std::string_view blob,
                                      const std::string& what) const {
  support::Fd file = open_below(root.get(), std::string(blob), O_RDONLY);
  struct stat info {};
  if (file && ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode)) return file;
  if (file || errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG) return support::Fd();
  if (errno == EXDEV || errno == ELOOP)
    throw Error(Errc::denied, step(what, blob) + ": a link leads out of it");
  throw system_error(step(what, blob), errno);
}

std::optional<BlobInfo> DirectoryStore::properties(std::string_view blob) {
  const support::Fd root = open_root();
  const support::Fd file = open_blob(root, blob, "look up");
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return std::nullopt;
  BlobInfo found = info_of(std::string(blob), info);
  found.url = address() + '/' + support::percent_encoded_path(blob);
  return found;
}

// Lists what is below the directory `below`, which ends in '/' unless it is the root. False:
// enough.
bool DirectoryStore::walk(int root, const std::string& below, std::string_view prefix,
                          const Take& take, int depth) const {
  const support::Fd fd = open_below(root, below.empty() ? "." : below, O_RDONLY | O_DIRECTORY);
  const bool is_gone = !fd && (errno == ENOENT || errno == ENOTDIR);
  if (is_gone || depth > deepest_directory) return true;
  // fdopendir takes over what it is given.
  const support::Directory directory(fd ? ::fdopendir(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0))
                                        : nullptr);
  if (!directory) throw system_error(step("list", below), errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || is_of_a_transfer(name) || !support::is_utf8(name)) continue;
    struct stat info {};
    if (::fstatat(fd.get(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISLNK(info.st_mode)) {
      const support::Fd target = open_below(root, below + std::string(name), O_RDONLY);
      if (!target || ::fstat(target.get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    }
    if (S_ISDIR(info.st_mode)) names.push_back(std::string(name) + '/');
    if (S_ISREG(info.st_mode)) names.emplace_back(name);
  }
  // A directory's names sort where its '/' does.
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const std::string whole = below + name;
    const std::string_view common = prefix.substr(0, std::min(prefix.size(), whole.size()));
    if (!whole.starts_with(common)) continue;
    if (whole.ends_with('/')) {
      if (!walk(root, whole, prefix, take, depth + 1)) return false;
      continue;
    }
    if (!whole.starts_with(prefix)) continue;
    const auto info = [&]() -> std::optional<BlobInfo> {
      const support::Fd file = open_below(root, whole, O_RDONLY);
      struct stat found {};
      if (!file || ::fstat(file.get(), &found) != 0) return std::nullopt;
      return info_of(whole, found);
    }();
    if (info && !take(*info)) return false;
  }
  return true;
}

void DirectoryStore::list(std::string_view prefix, const Take& take) {
  const support::Fd root = open_root();
  walk(root.get(), "", prefix, take, 0);
}

Downloaded DirectoryStore::download(std::string_view blob, const std::string& to, bool,
                                    const Watch& watch) {
  return copy(blob, {}, watch, [&](const auto& wait) { return PartialFile(to, wait); });
}

// `open` makes the partial file. Throws BlobChanged when the file is not of the ETag, if given.
template <class Open>
Downloaded DirectoryStore::copy(std::string_view blob, const std::string& etag, const Watch& watch,
                                Open open) {
  const support::Fd root = open_root();
  const support::Fd file = open_blob(root, blob, "download");
  struct stat info {};
  const bool is_found = file && ::fstat(file.get(), &info) == 0;
  if (!is_found && !etag.empty()) throw BlobChanged();
  if (!is_found) throw Error(Errc::not_found, step("download", blob) + ": blob not found");
  const BlobInfo known = info_of(std::string(blob), info);
  if (!etag.empty() && known.etag != etag) throw BlobChanged();
  PartialFile partial = open([&] {
    if (watch) watch(0, 0);
  });
  partial.resume({address() + '/' + known.name, known.etag, known.bytes}, true);
  const auto buffer = std::make_unique_for_overwrite<char[]>(copy_size);
  uint64_t at = 0;
  try {
    for (;;) {
      const ssize_t got = ::pread(file.get(), buffer.get(), copy_size, static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw system_error(step("download", blob), errno);
      if (got == 0) break;
      partial.write_at(at, {buffer.get(), static_cast<size_t>(got)});
      at += static_cast<uint64_t>(got);
      if (watch) watch(at, known.bytes);
    }
    struct stat now {};
    if (at != known.bytes || ::fstat(file.get(), &now) != 0 ||
        info_of(known.name, now).etag != known.etag) {
      if (!etag.empty()) throw BlobChanged();
      throw Error(Errc::unavailable, step("download", blob) + ": it changed meanwhile; try again");
    }
  } catch (...) {
    // To copy it again costs little, and saves the question whether it is the same.
    partial.discard();
    throw;
  }
  partial.finish();
  return {known.bytes, 0, false};
}

void DirectoryStore::download_all(std::vector<Wanted>& wanted, OnFailure policy,
                                  const Watch& watch) {
  std::vector<Wanted*> all;
  all.reserve(wanted.size());
  for (Wanted& one : wanted) all.push_back(&one);
  Overall overall(wanted, watch);
  one_by_one(all, policy, overall, [&](Wanted& one, const Watch& part) {
    const bool is_as_listed = policy == OnFailure::stop;
    return copy(one.blob->name, is_as_listed ? one.blob->etag : "", part,
                [&](const auto& wait) { return open_partial(one, wait); });
  });
}

// The directories of the blob.
void DirectoryStore::create_parents(std::string_view blob) const {
  const support::Fd root = open_root();
  for (size_t slash = blob.find('/'); slash != std::string_view::npos;
       slash = blob.find('/', slash + 1)) {
    const std::string name(blob.substr(0, slash));
    if (::mkdirat(root.get(), name.c_str(), 0777) != 0 && errno != EEXIST)
      throw system_error(step("store", blob), errno);
    // Also that no link on the way leads out of the locker.
    if (!open_below(root.get(), name, O_RDONLY | O_DIRECTORY))
      throw system_error(step("store", blob), errno);
  }
}

uint64_t DirectoryStore::upload(std::string_view blob, const std::string&, const Content& content,
                                const Watch& watch) {
  if (blob.ends_with('/')) throw Error(Errc::usage, step("store", blob) + ": it names a directory");
  create_parents(blob);
  PartialFile partial(directory_ + '/' + std::string(blob), [&] {
    if (watch) watch(0, 0);
  });
  partial.resume({}, true);
  const auto buffer = std::make_unique_for_overwrite<char[]>(copy_size);
  uint64_t at = 0;
  try {
    while (const size_t got = content(buffer.get(), copy_size)) {
      partial.write_at(at, {buffer.get(), got});
      at += got;
      if (watch) watch(at, 0);
    }
  } catch (...) {
    partial.discard();
    throw;
  }
  partial.finish();
  return at;
}

void DirectoryStore::remove(std::string_view blob) {
  const support::Fd root = open_root();
  if (!open_blob(root, blob, "remove"))
    throw Error(Errc::not_found, step("remove", blob) + ": blob not found");
  if (::unlinkat(root.get(), std::string(blob).c_str(), 0) != 0)
    throw system_error(step("remove", blob), errno);
}

SignedAddress DirectoryStore::sign(const SignRequest&) {
  throw Error(Errc::unsupported,
              "the locker " + address() + " is a directory, for which there are no signed URLs");
}

}  // namespace

std::unique_ptr<Store> open_directory_store(std::string directory, std::string source) {
  return std::make_unique<DirectoryStore>(std::move(directory), std::move(source));
}

}  // namespace jetpack::storage
