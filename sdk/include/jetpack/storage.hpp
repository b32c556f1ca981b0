// jetpack/storage.hpp: the node's locker: list, download, upload, sign.
#pragma once

#include <jetpack/error.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace jetpack {

// Told about bytes done and in all (0 while unknown); returns false to cancel.
using Progress = std::function<bool(uint64_t done, uint64_t total)>;

// Fills at most `capacity` bytes of `buffer` and returns how many; 0 at the end. May throw.
using Source = std::function<size_t(char* buffer, size_t capacity)>;

struct SignedUrl {
  std::string url;
  std::chrono::system_clock::time_point expires;
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

  // One JSON object a line for each blob below `prefix`; see jp_storage.list.
  std::string list(std::string_view prefix) const {
    std::string lines;
    jp_error err{};
    detail::check(
        table_->list(table_->self, detail::borrow(prefix), detail::append_to(lines), &err), err);
    return lines;
  }

  void download(std::string_view blob, std::string_view to_path,
                const Progress& progress = nullptr) const {
    jp_download raw{};
    raw.size = sizeof raw;
    raw.blob = detail::borrow(blob);
    raw.to_path = detail::borrow(to_path);
    raw.progress = cross(progress);
    jp_error err{};
    detail::check(table_->download(table_->self, &raw, &err), err);
  }

  void upload(std::string_view blob, const Source& source, std::string_view content_type = {},
              const Progress& progress = nullptr) const {
    jp_upload raw{};
    raw.size = sizeof raw;
    raw.blob = detail::borrow(blob);
    raw.content_type = detail::borrow(content_type);
    raw.source = {const_cast<Source*>(&source), read};
    raw.progress = cross(progress);
    jp_error err{};
    detail::check(table_->upload(table_->self, &raw, &err), err);
  }

  SignedUrl sign(std::string_view blob, std::chrono::seconds validity) const {
    jp_signature raw{};
    raw.size = sizeof raw;
    raw.blob = detail::borrow(blob);
    raw.seconds = static_cast<int64_t>(validity.count());
    SignedUrl url;
    int64_t expires = 0;
    jp_error err{};
    detail::check(table_->sign(table_->self, &raw, detail::append_to(url.url), &expires, &err),
                  err);
    url.expires = std::chrono::system_clock::time_point{std::chrono::seconds{expires}};
    return url;
  }

 private:
  static int64_t read(void* ctx, char* buffer, size_t capacity) noexcept {
    try {
      return static_cast<int64_t>((*static_cast<const Source*>(ctx))(buffer, capacity));
    } catch (...) {
      return -1;
    }
  }

  static jp_progress cross(const Progress& progress) noexcept {
    if (!progress) return {};
    return {const_cast<Progress*>(&progress),
            [](void* ctx, uint64_t done, uint64_t total) noexcept -> int32_t {
              try {
                return (*static_cast<const Progress*>(ctx))(done, total) ? 0 : 1;
              } catch (...) {
                return 1;
              }
            }};
  }

  const Table* table_;
};

}  // namespace jetpack
