// jetpack/testing/storage.hpp: a locker that is a directory.
// Part of jetpack/testing.hpp; include that.
#pragma once

#include <jetpack/testing/config.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack::testing::detail {

// jetpack.storage/1. Each blob is a file below the directory.
class FakeStorage {
 public:
  explicit FakeStorage(std::string directory) : root(std::move(directory)) {
    std::filesystem::create_directories(root);
    table.size = sizeof table;
    table.self = this;
    add_reading();
    add_writing();
    add_many();
  }
  FakeStorage(const FakeStorage&) = delete;
  FakeStorage& operator=(const FakeStorage&) = delete;

  jp_storage table{};
  std::string root;

 private:
  static FakeStorage& of(void* self) { return *static_cast<FakeStorage*>(self); }

  std::string file_of(std::string_view blob) const {
    const std::string name(blob);
    if (name.empty() || name[0] == '/' || ('/' + name + '/').find("/../") != name.npos)
      throw Error(Errc::usage, "'" + name + "' is not the name of a blob");
    return root + '/' + name;
  }

  std::string existing(std::string_view blob) const {
    std::string path = file_of(blob);
    if (!std::filesystem::is_regular_file(path))
      throw Error(Errc::not_found, std::string(blob) + ": not found in locker " + root);
    return path;
  }

  Json described(const std::string& name) const {
    const auto size = std::filesystem::file_size(file_of(name));
    return Json::object()
        .set("name", name)
        .set("bytes", static_cast<uint64_t>(size))
        .set("modified", "2026-01-01T00:00:00Z")
        .set("etag", "\"" + std::to_string(size) + "\"");
  }

  // The blobs below a prefix, by name.
  std::vector<std::string> names(std::string_view prefix) const {
    namespace fs = std::filesystem;
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      std::string name = entry.path().lexically_relative(root).string();
      if (entry.is_regular_file() && name.starts_with(prefix)) names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  static void tell(const jp_progress& progress, uint64_t done, uint64_t total) {
    if (progress.update != nullptr && progress.update(progress.ctx, done, total) != 0)
      throw Error(Errc::failed, "the transfer was cancelled");
  }

  jp_downloaded fetch(std::string_view blob, const std::string& to, const jp_progress& progress) {
    namespace fs = std::filesystem;
    const std::string from = existing(blob);
    const uint64_t size = fs::file_size(from);
    tell(progress, 0, size);
    std::error_code failure;
    fs::copy_file(from, to, fs::copy_options::overwrite_existing, failure);
    if (failure) throw Error(Errc::failed, "cannot write " + to + ": " + failure.message());
    tell(progress, size, size);
    jp_downloaded result{};
    result.size = sizeof result;
    result.checked = 1;
    result.bytes = size;
    return result;
  }

  template <class Struct>
  static void hand_out(const Struct& result, Struct* to) {
    if (to != nullptr) *to = result;
  }

  void add_reading() {
    table.locker = [](void* self, jp_sink url, jp_error* err) {
      return boundary::guard(err, [&] { write_to(url, of(self).root); });
    };
    table.list = [](void* self, jp_str prefix, jp_sink lines, jp_error* err) {
      return boundary::guard(err, [&] {
        for (const auto& name : of(self).names(boundary::view(prefix)))
          write_to(lines, of(self).described(name).dump() + '\n');
      });
    };
    table.properties = [](void* self, jp_str blob, jp_sink line, jp_error* err) {
      return boundary::guard(err, [&] {
        of(self).existing(boundary::view(blob));
        const std::string name(boundary::view(blob));
        write_to(
            line,
            of(self).described(name).set("url", "file://" + of(self).file_of(name)).dump() + '\n');
      });
    };
    table.download = [](void* self, const jp_download* download, jp_downloaded* result,
                        jp_error* err) {
      return boundary::guard(err, [&] {
        hand_out(of(self).fetch(boundary::view(download->blob),
                                std::string(boundary::view(download->to_path)), download->progress),
                 result);
      });
    };
    table.sign = [](void* self, const jp_signature* signature, jp_sink url, jp_signed* result,
                    jp_error* err) {
      return boundary::guard(err, [&] {
        of(self).existing(boundary::view(signature->blob));
        write_to(url, "https://locker.example/" + std::string(boundary::view(signature->blob)) +
                          "?sig=test&seconds=" + std::to_string(signature->seconds));
        if (result != nullptr) result->expires = signature->seconds;
      });
    };
  }

  void add_writing() {
    table.upload = [](void* self, const jp_upload* upload, jp_uploaded* result, jp_error* err) {
      return boundary::guard(err, [&] {
        const std::string path = of(self).file_of(boundary::view(upload->blob));
        std::string content;
        std::array<char, 65536> buffer{};
        for (int64_t size = 1; size > 0;) {
          size = upload->source.read(upload->source.ctx, buffer.data(), buffer.size());
          if (size < 0) throw Error(Errc::failed, "cannot read what is to be uploaded");
          content.append(buffer.data(), static_cast<size_t>(size));
          tell(upload->progress, content.size(), 0);
        }
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path, std::ios::binary) << content;
        if (result != nullptr) result->bytes = content.size();
      });
    };
    table.remove = [](void* self, jp_str blob, jp_error* err) {
      return boundary::guard(
          err, [&] { std::filesystem::remove(of(self).existing(boundary::view(blob))); });
    };
  }

  void synchronize(const jp_sync& sync, jp_synced* result) {
    namespace fs = std::filesystem;
    std::string prefix(boundary::view(sync.prefix));
    if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
    const std::string to(boundary::view(sync.directory));
    jp_synced done{};
    done.size = sizeof done;
    for (const auto& name : names(prefix)) {
      const std::string path = to + '/' + name.substr(prefix.size());
      fs::create_directories(fs::path(path).parent_path());
      const auto fetched = fetch(name, path, sync.progress);
      ++done.files;
      done.bytes += fetched.bytes;
    }
    if (done.files == 0) throw Error(Errc::not_found, "no blob is below '" + prefix + "'");
    done.changed = 1;
    done.transferred = done.files;
    done.transferred_bytes = done.bytes;
    hand_out(done, result);
  }

  void download_each(const jp_download_all& download) {
    namespace fs = std::filesystem;
    const std::string to(boundary::view(download.directory));
    for (uint64_t i = 0; i < download.count; ++i) {
      jp_error failure{};
      jp_downloaded result{};
      const int32_t status = boundary::guard(&failure, [&] {
        const Json line = Json::parse(boundary::view(download.wanted[i]->line), "a listing's line");
        const std::string path = to + '/' + std::string(boundary::view(download.wanted[i]->path));
        fs::create_directories(fs::path(path).parent_path());
        result = fetch(line["name"].text_or(""), path, download.progress);
      });
      download.settled(download.ctx, i, &result, status == JP_OK ? nullptr : &failure);
    }
  }

  void add_many() {
    table.sync = [](void* self, const jp_sync* sync, jp_synced* result, jp_error* err) {
      return boundary::guard(err, [&] { of(self).synchronize(*sync, result); });
    };
    table.download_all = [](void* self, const jp_download_all* download, jp_error* err) {
      return boundary::guard(err, [&] { of(self).download_each(*download); });
    };
  }
};

}  // namespace jetpack::testing::detail
