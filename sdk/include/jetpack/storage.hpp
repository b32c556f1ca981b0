// jetpack/storage.hpp: the node's locker: list, download one or many, sync,
// upload, remove, sign. [thread-safe]
#pragma once

#include <jetpack/boundary.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack {

// Receives the bytes done and in total (0 while unknown); returns false to cancel. May throw: the
// call then fails with what was thrown.
using Progress = std::function<bool(uint64_t done, uint64_t total)>;

// Fills at most `capacity` bytes of `buffer` and returns how many; 0 at the end. May throw.
using Source = std::function<size_t(char* buffer, size_t capacity)>;

// Takes one line of JSON; returns false to end the listing. May throw.
using Lines = std::function<bool(std::string_view line)>;

// What a download did; see jp_downloaded.
struct Downloaded {
  uint64_t bytes = 0;
  uint64_t resumed = 0;
  bool checked = false;
};

struct DownloadOptions {
  Progress progress = nullptr;
  bool fresh = false;  // start over, even where a partial file could be resumed
};

// A blob of a listing, and where it is to be; see jp_wanted.
struct Wanted {
  std::string line;  // as Storage::list gave it
  std::string path;  // below the directory
};

// Takes what became of a blob; `failure` is null when it is complete. May throw.
using Settled = std::function<void(size_t index, const Downloaded& result, const Error* failure)>;

struct SyncOptions {
  Progress progress = nullptr;
  bool fresh = false;  // transfer every blob, even what is unchanged
};

// What a sync did; see jp_synced.
struct Synced {
  bool changed = false;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t transferred = 0;
  uint64_t transferred_bytes = 0;
  uint64_t removed = 0;
};

struct UploadOptions {
  std::string_view content_type = {};  // empty: application/octet-stream
  Progress progress = nullptr;
};

struct SignOptions {
  std::string_view content_disposition = {};  // what the reply is to say; empty: what the blob says
  std::string_view content_type = {};
};

struct SignedUrl {
  std::string url;
  std::chrono::system_clock::time_point expires;
  bool shortened = false;  // the credential allows less time than was asked for
};

class Storage {
 public:
  static constexpr std::string_view id = JP_STORAGE;
  using Table = jp_storage;

  explicit Storage(const Table& table) noexcept : table_(&table) {}

  std::string locker() const {
    std::string url;
    jp_error err{};
    boundary::check(table_->locker(table_->self, boundary::append_to(url), &err), err);
    return url;
  }

  // One JSON object, without the line's end, for each blob whose name begins with `prefix`; see
  // jp_storage.list.
  void list(std::string_view prefix, const Lines& lines) const {
    Listing listing{boundary::Borrowed<Lines>(lines)};
    jp_error err{};
    const int32_t status =
        table_->list(table_->self, boundary::borrow(prefix), {&listing, take_line}, &err);
    if (!listing.stopped) listing.lines.check(status, err);
  }

  // The same object for one blob; nullopt when there is none.
  std::optional<std::string> properties(std::string_view blob) const {
    std::string line;
    jp_error err{};
    const int32_t status =
        table_->properties(table_->self, boundary::borrow(blob), boundary::append_to(line), &err);
    if (status == JP_NOT_FOUND) return std::nullopt;
    boundary::check(status, err);
    while (!line.empty() && line.back() == '\n') line.pop_back();
    return line;
  }

  // Throws Errc::not_found when there is no such blob; see jp_storage.download.
  Downloaded download(std::string_view blob, std::string_view to_path,
                      const DownloadOptions& options = {}) const {
    boundary::Borrowed<Progress> progress(options.progress);
    jp_download raw{};
    raw.size = sizeof raw;
    raw.flags = options.fresh ? uint32_t{JP_DOWNLOAD_FRESH} : 0;
    raw.blob = boundary::borrow(blob);
    raw.to_path = boundary::borrow(to_path);
    raw.progress = {&progress, options.progress ? update : nullptr};
    jp_downloaded result{};
    result.size = sizeof result;
    jp_error err{};
    const int32_t status = table_->download(table_->self, &raw, &result, &err);
    progress.check(status, err);
    return {result.bytes, result.resumed, result.checked != 0};
  }

  // Downloads blobs to files below `directory`, many at once; see jp_storage.download_all. Throws
  // Errc::unsupported when this jetpack cannot.
  void download_all(const std::vector<Wanted>& wanted, std::string_view directory,
                    const Settled& settled, const DownloadOptions& options = {}) const {
    if (!JP_HAS(table_, download_all))
      throw Error(Errc::unsupported,
                  "this jetpack cannot download many blobs at once; install a newer one");
    std::vector<jp_wanted> each(wanted.size());
    std::vector<const jp_wanted*> all(wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      each[i].size = sizeof each[i];
      each[i].line = boundary::borrow(wanted[i].line);
      each[i].path = boundary::borrow(wanted[i].path);
      all[i] = &each[i];
    }
    boundary::Borrowed<Progress> progress(options.progress);
    boundary::Borrowed<Settled> report(settled);
    jp_download_all raw{};
    raw.size = sizeof raw;
    raw.flags = options.fresh ? uint32_t{JP_DOWNLOAD_FRESH} : 0;
    raw.directory = boundary::borrow(directory);
    raw.count = all.size();
    raw.wanted = all.data();
    raw.progress = {&progress, options.progress ? update : nullptr};
    raw.ctx = &report;
    raw.settled = take_settled;
    jp_error err{};
    const int32_t status = table_->download_all(table_->self, &raw, &err);
    if (report.has_thrown()) report.check(status, err);
    progress.check(status, err);
  }

  // Makes `directory` hold the blobs below `prefix`; see jp_storage.sync. Throws Errc::not_found when
  // there are none, Errc::unsupported when this jetpack cannot.
  Synced sync(std::string_view prefix, std::string_view directory,
              const SyncOptions& options = {}) const {
    if (!JP_HAS(table_, sync))
      throw Error(Errc::unsupported, "this jetpack cannot sync a directory; install a newer one");
    boundary::Borrowed<Progress> progress(options.progress);
    jp_sync raw{};
    raw.size = sizeof raw;
    raw.flags = options.fresh ? uint32_t{JP_SYNC_FRESH} : 0;
    raw.prefix = boundary::borrow(prefix);
    raw.directory = boundary::borrow(directory);
    raw.progress = {&progress, options.progress ? update : nullptr};
    jp_synced result{};
    result.size = sizeof result;
    jp_error err{};
    const int32_t status = table_->sync(table_->self, &raw, &result, &err);
    progress.check(status, err);
    return {result.changed != 0,      result.files,  result.bytes, result.transferred,
            result.transferred_bytes, result.removed};
  }

  // Returns how many bytes were stored; see jp_storage.upload.
  uint64_t upload(std::string_view blob, const Source& source,
                  const UploadOptions& options = {}) const {
    boundary::Borrowed<Source> content(source);
    boundary::Borrowed<Progress> progress(options.progress);
    jp_upload raw{};
    raw.size = sizeof raw;
    raw.blob = boundary::borrow(blob);
    raw.content_type = boundary::borrow(options.content_type);
    raw.source = {&content, read};
    raw.progress = {&progress, options.progress ? update : nullptr};
    jp_uploaded result{};
    result.size = sizeof result;
    jp_error err{};
    const int32_t status = table_->upload(table_->self, &raw, &result, &err);
    if (content.has_thrown()) content.check(status, err);
    progress.check(status, err);
    return result.bytes;
  }

  // Throws Errc::not_found when there is no such blob.
  void remove(std::string_view blob) const {
    jp_error err{};
    boundary::check(table_->remove(table_->self, boundary::borrow(blob), &err), err);
  }

  // A URL that reads the blob, over https only; see jp_storage.sign.
  SignedUrl sign(std::string_view blob, std::chrono::seconds validity,
                 const SignOptions& options = {}) const {
    jp_signature raw{};
    raw.size = sizeof raw;
    raw.blob = boundary::borrow(blob);
    raw.seconds = static_cast<int64_t>(validity.count());
    raw.content_disposition = boundary::borrow(options.content_disposition);
    raw.content_type = boundary::borrow(options.content_type);
    SignedUrl url;
    jp_signed result{};
    result.size = sizeof result;
    jp_error err{};
    boundary::check(table_->sign(table_->self, &raw, boundary::append_to(url.url), &result, &err),
                    err);
    url.expires = std::chrono::system_clock::time_point{std::chrono::seconds{result.expires}};
    url.shortened = result.shortened != 0;
    return url;
  }

 private:
  struct Listing {
    boundary::Borrowed<Lines> lines;
    bool stopped = false;
  };

  static int32_t take_line(void* ctx, const char* data, size_t size) noexcept {
    auto& listing = *static_cast<Listing*>(ctx);
    return listing.lines.run(1, [&](const Lines& lines) {
      if (size > 0 && data[size - 1] == '\n') --size;
      listing.stopped = !lines({data, size});
      return listing.stopped ? 1 : 0;
    });
  }

  static void take_settled(void* ctx, uint64_t index, const jp_downloaded* result,
                           const jp_error* failure) noexcept {
    static_cast<boundary::Borrowed<Settled>*>(ctx)->run(0, [&](const Settled& settled) {
      if (failure == nullptr) {
        settled(index, {result->bytes, result->resumed, result->checked != 0}, nullptr);
      } else {
        const size_t size = std::min<size_t>(failure->size, sizeof failure->text);
        const Error error(static_cast<Errc>(failure->code), std::string(failure->text, size));
        settled(index, {}, &error);
      }
      return 0;
    });
  }

  static int64_t read(void* ctx, char* buffer, size_t capacity) noexcept {
    return static_cast<boundary::Borrowed<Source>*>(ctx)->run(
        int64_t{-1},
        [&](const Source& source) { return static_cast<int64_t>(source(buffer, capacity)); });
  }

  static int32_t update(void* ctx, uint64_t done, uint64_t total) noexcept {
    return static_cast<boundary::Borrowed<Progress>*>(ctx)->run(
        1, [&](const Progress& progress) { return progress(done, total) ? 0 : 1; });
  }

  const Table* table_;
};

}  // namespace jetpack
