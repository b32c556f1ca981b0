// jetpack/storage.hpp: the node's locker: list, download, upload, remove, sign.
#pragma once

#include <jetpack/error.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack {

// Told about bytes done and in all (0 while unknown); returns false to cancel. May throw: the call
// then fails with what was thrown.
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
  bool fresh = false;  // begin anew, even where a partial file could be taken up
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
    detail::check(table_->locker(table_->self, detail::append_to(url), &err), err);
    return url;
  }

  // One JSON object, without the line's end, for each blob whose name begins with `prefix`; see
  // jp_storage.list.
  void list(std::string_view prefix, const Lines& lines) const {
    Borrowed<Lines> sink{lines};
    jp_error err{};
    const int32_t status =
        table_->list(table_->self, detail::borrow(prefix), {&sink, take_line}, &err);
    if (sink.stopped && !sink.thrown) return;
    sink.finish(status, err);
  }

  // The same object for one blob; nullopt when there is none.
  std::optional<std::string> properties(std::string_view blob) const {
    std::string line;
    jp_error err{};
    const int32_t status =
        table_->properties(table_->self, detail::borrow(blob), detail::append_to(line), &err);
    if (status == JP_NOT_FOUND) return std::nullopt;
    detail::check(status, err);
    while (!line.empty() && line.back() == '\n') line.pop_back();
    return line;
  }

  // Throws Errc::not_found when there is no such blob; see jp_storage.download.
  Downloaded download(std::string_view blob, std::string_view to_path,
                      const DownloadOptions& options = {}) const {
    Borrowed<Progress> progress{options.progress};
    jp_download raw{};
    raw.size = sizeof raw;
    raw.flags = options.fresh ? uint32_t{JP_DOWNLOAD_FRESH} : 0;
    raw.blob = detail::borrow(blob);
    raw.to_path = detail::borrow(to_path);
    raw.progress = cross(progress);
    jp_downloaded result{};
    result.size = sizeof result;
    jp_error err{};
    const int32_t status = table_->download(table_->self, &raw, &result, &err);
    progress.finish(status, err);
    return {result.bytes, result.resumed, result.checked != 0};
  }

  // Returns how many bytes were stored; see jp_storage.upload.
  uint64_t upload(std::string_view blob, const Source& source,
                  const UploadOptions& options = {}) const {
    Borrowed<Source> content{source};
    Borrowed<Progress> progress{options.progress};
    jp_upload raw{};
    raw.size = sizeof raw;
    raw.blob = detail::borrow(blob);
    raw.content_type = detail::borrow(options.content_type);
    raw.source = {&content, read};
    raw.progress = cross(progress);
    jp_uploaded result{};
    result.size = sizeof result;
    jp_error err{};
    const int32_t status = table_->upload(table_->self, &raw, &result, &err);
    if (content.thrown) std::rethrow_exception(content.thrown);
    progress.finish(status, err);
    return result.bytes;
  }

  // Throws Errc::not_found when there is no such blob.
  void remove(std::string_view blob) const {
    jp_error err{};
    detail::check(table_->remove(table_->self, detail::borrow(blob), &err), err);
  }

  // A URL that reads the blob, by https alone; see jp_storage.sign.
  SignedUrl sign(std::string_view blob, std::chrono::seconds validity,
                 const SignOptions& options = {}) const {
    jp_signature raw{};
    raw.size = sizeof raw;
    raw.blob = detail::borrow(blob);
    raw.seconds = static_cast<int64_t>(validity.count());
    raw.content_disposition = detail::borrow(options.content_disposition);
    raw.content_type = detail::borrow(options.content_type);
    SignedUrl url;
    jp_signed result{};
    result.size = sizeof result;
    jp_error err{};
    detail::check(table_->sign(table_->self, &raw, detail::append_to(url.url), &result, &err), err);
    url.expires = std::chrono::system_clock::time_point{std::chrono::seconds{result.expires}};
    url.shortened = result.shortened != 0;
    return url;
  }

 private:
  // A function of the caller while the service uses it. What it throws waits here until the
  // service has returned.
  template <class Function>
  struct Borrowed {
    const Function& function;
    std::exception_ptr thrown = nullptr;
    bool stopped = false;

    // Throws what the function threw, else what the service answered.
    void finish(int32_t status, const jp_error& err) const {
      if (thrown) std::rethrow_exception(thrown);
      detail::check(status, err);
    }
  };

  static int32_t take_line(void* ctx, const char* data, size_t size) noexcept {
    auto& sink = *static_cast<Borrowed<Lines>*>(ctx);
    try {
      if (size > 0 && data[size - 1] == '\n') --size;
      sink.stopped = !sink.function({data, size});
    } catch (...) {
      sink.thrown = std::current_exception();
    }
    return sink.stopped || sink.thrown ? 1 : 0;
  }

  static int64_t read(void* ctx, char* buffer, size_t capacity) noexcept {
    auto& source = *static_cast<Borrowed<Source>*>(ctx);
    try {
      return static_cast<int64_t>(source.function(buffer, capacity));
    } catch (...) {
      source.thrown = std::current_exception();
      return -1;
    }
  }

  static jp_progress cross(Borrowed<Progress>& progress) noexcept {
    if (!progress.function) return {};
    return {&progress, [](void* ctx, uint64_t done, uint64_t total) noexcept -> int32_t {
              auto& told = *static_cast<Borrowed<Progress>*>(ctx);
              try {
                return told.function(done, total) ? 0 : 1;
              } catch (...) {
                told.thrown = std::current_exception();
                return 1;
              }
            }};
  }

  const Table* table_;
};

}  // namespace jetpack
