// The storage service: jetpack.storage/1 as a module that the host loads on first use.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <vector>

#include <jetpack/boundary.hpp>
#include <jetpack/session.hpp>
#include "services/http/status.hpp"
#include "services/module.hpp"
#include "services/module_host.hpp"
#include "services/node/metadata.hpp"
#include "services/node/node_settings.hpp"
#include "services/results.hpp"
#include "services/storage/names.hpp"
#include "services/storage/store.hpp"
#include "services/storage/sync.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/times.hpp"
#include "support/url.hpp"

namespace jetpack::storage {

namespace {

constexpr uint64_t most_answer_of_server = 64 << 10;
constexpr std::string_view locker_path = "/clusterlink/locker";
constexpr std::string_view sign_path = "/clusterlink/sign";

Watch watch_of(const jp_progress& progress) {
  if (progress.update == nullptr) return nullptr;
  return [progress](uint64_t done, uint64_t total) {
    if (progress.update(progress.ctx, done, total) != 0)
      throw Error(Errc::failed, "it was cancelled");
  };
}

Content content_of(const jp_source& source) {
  return [source](char* buffer, size_t capacity) -> size_t {
    const int64_t got = source.read(source.ctx, buffer, capacity);
    if (got < 0) throw Error(Errc::failed, "reading what is to be stored failed");
    return static_cast<size_t>(got);
  };
}

void check_header_text(const char* what, std::string_view text) {
  const auto is_plain = [](char c) { return c >= ' ' && c < '\x7f'; };
  if (text.size() > 255 || !std::all_of(text.begin(), text.end(), is_plain))
    throw Error(Errc::usage,
                std::string("the ") + what + " must be at most 255 printable ASCII characters");
}

}  // namespace

class StorageService {
 public:
  explicit StorageService(const jp_host& host) : host_(host) {}

  const jp_storage& table() const { return table_; }

 private:
  // A store of one call, which no other uses meanwhile.
  class Lease;
  std::unique_ptr<Store> open_store();
  Settings settings() const;
  http::Settings network(const Description& locker, std::chrono::seconds stall) const;
  std::string ask_server() const;
  SignedAddress sign_by_server(const SignRequest& wish) const;

  static StorageService& from(void* self) { return *static_cast<StorageService*>(self); }
  static int32_t locker_entry(void* self, jp_sink url, jp_error* err) noexcept;
  static int32_t list_entry(void* self, jp_str prefix, jp_sink lines, jp_error* err) noexcept;
  static int32_t properties_entry(void* self, jp_str blob, jp_sink line, jp_error* err) noexcept;
  static int32_t download_entry(void* self, const jp_download* download, jp_downloaded* result,
                                jp_error* err) noexcept;
  static int32_t upload_entry(void* self, const jp_upload* upload, jp_uploaded* result,
                              jp_error* err) noexcept;
  static int32_t remove_entry(void* self, jp_str blob, jp_error* err) noexcept;
  static int32_t sign_entry(void* self, const jp_signature* signature, jp_sink url,
                            jp_signed* result, jp_error* err) noexcept;

  static int32_t sync_entry(void* self, const jp_sync* sync, jp_synced* result,
                            jp_error* err) noexcept;
  static int32_t download_all_entry(void* self, const jp_download_all* download,
                                    jp_error* err) noexcept;

  ModuleHost host_;
  std::mutex mutex_;  // of what follows
  std::unique_ptr<LockerSource> source_;
  std::vector<std::unique_ptr<Store>> idle_;  // with their connections
  jp_storage table_{sizeof(jp_storage),
                    0,
                    this,
                    &locker_entry,
                    &list_entry,
                    &properties_entry,
                    &download_entry,
                    &upload_entry,
                    &remove_entry,
                    &sign_entry,
                    &sync_entry,
                    &download_all_entry};
};

// The description that the cluster's server has for this node.
std::string StorageService::ask_server() const {
  Request request;
  request.path = locker_path;
  request.max_reply = most_answer_of_server;
  Reply reply =
      host_.with<Session>([&](const Session& session) { return session.request(request); });
  if (reply.status == 200) return std::move(reply.body);
  const std::string answer =
      "the server answered " + std::to_string(reply.status) + " to GET " + std::string(locker_path);
  if (reply.status == 404) throw Error(Errc::not_found, answer + ": it hands out no locker");
  if (http::is_retryable(reply.status)) throw Error(Errc::unavailable, answer);
  throw Error(reply.status == 401 || reply.status == 403 ? Errc::denied : Errc::failed, answer);
}

// The server keeps the locker's key to itself, and signs what is this node's own.
SignedAddress StorageService::sign_by_server(const SignRequest& wish) const {
  const std::string body = support::json_object([&](support::Object& object) {
    object.text("blob", wish.blob)
        .number("seconds", wish.validity.count())
        .text("content_disposition", wish.content_disposition)
        .text("content_type", wish.content_type);
  });
  Request request;
  request.method = "POST";
  request.path = sign_path;
  request.body = body;
  request.body_is_json = true;
  request.max_reply = most_answer_of_server;
  const Reply reply =
      host_.with<Session>([&](const Session& session) { return session.request(request); });
  if (reply.status != 200)
    throw Error(http::is_retryable(reply.status) ? Errc::unavailable : Errc::denied,
                "the server answered " + std::to_string(reply.status) + " to POST " +
                    std::string(sign_path));
  const auto answer =
      support::parse_json(reply.body, "the server's answer to POST " + std::string(sign_path));
  const std::string url = support::text_or(answer, "url", "");
  const auto expires = support::parse_iso_8601(support::text_or(answer, "expires", ""));
  const bool is_plain =
      std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!url.starts_with("https://") || !is_plain || !expires)
    throw Error(Errc::corrupt, "the server answered POST " + std::string(sign_path) +
                                   " without a URL and its end");
  const auto* shortened = support::find_member(answer, "shortened");
  return {url, *expires, shortened != nullptr && shortened->IsTrue()};
}

Settings StorageService::settings() const {
  Settings settings;
  settings.connections = static_cast<int>(host_.number("cyclecloud.jetpack.storage_connections"));
  settings.tries = static_cast<int>(host_.number("cyclecloud.jetpack.storage_tries"));
  settings.stall = std::chrono::seconds{host_.number("cyclecloud.jetpack.storage_stall")};
  settings.metadata_url = node::metadata_url(host_);
  return settings;
}

// The proxy is that of the session. The cluster's own server may keep the locker, too: what is said
// of its certificate then holds for both.
http::Settings StorageService::network(const Description& locker,
                                       std::chrono::seconds stall) const {
  const node::NodeSettings known = node::node_settings(host_);
  http::Settings network;
  network.stall = stall;
  network.ca_file = locker.ca_file;
  network.ca_advice = "name its CA in \"ca_file\" of the locker's description";
  network.proxy = known.proxy(locker.base);
  try {
    const node::Server server = known.server();
    if (support::parse_url(server.url, "the server's address").host != locker.host) return network;
    network.verify = server.verify;
    if (network.ca_file.empty()) network.ca_file = server.ca_file;
  } catch (const Error&) {
    // Without a server, or with one that is badly written down, there is nothing to take over.
  }
  if (!network.verify)
    host_.warn("the certificate of " + locker.base + " is not checked: validation is switched off");
  return network;
}

std::unique_ptr<Store> StorageService::open_store() {
  if (!source_)
    source_ = std::make_unique<LockerSource>(
        LockerSource::Options{host_.path("config/locker.json"), [this] { return ask_server(); },
                              [this](const std::string& text) { host_.warn(text); }});
  const auto locker = source_->current();
  if (!locker->directory.empty()) return open_directory_store(locker->directory, locker->source);
  const Settings wanted = settings();
  return open_azure_store(
      *source_, wanted,
      [this, stall = wanted.stall](const Description& known) { return network(known, stall); },
      [this](const SignRequest& wish) { return sign_by_server(wish); });
}

class StorageService::Lease {
 public:
  explicit Lease(void* self) : service_(&from(self)) {
    const std::lock_guard lock(service_->mutex_);
    if (service_->idle_.empty()) {
      store_ = service_->open_store();
    } else {
      store_ = std::move(service_->idle_.back());
      service_->idle_.pop_back();
    }
  }
  ~Lease() {
    const std::lock_guard lock(service_->mutex_);
    service_->idle_.push_back(std::move(store_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Store* operator->() const { return store_.get(); }
  Store& operator*() const { return *store_; }

 private:
  StorageService* service_;
  std::unique_ptr<Store> store_;
};

int32_t StorageService::locker_entry(void* self, jp_sink url, jp_error* err) noexcept {
  return boundary::guard(err, [&] { write_to(url, Lease(self)->address()); });
}

int32_t StorageService::list_entry(void* self, jp_str prefix, jp_sink lines,
                                   jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    check_prefix(boundary::view(prefix));
    bool is_stopped = false;
    Lease(self)->list(boundary::view(prefix), [&](const BlobInfo& blob) {
      const std::string line = json_line(blob) + '\n';
      is_stopped = lines.write(lines.ctx, line.data(), line.size()) != 0;
      return !is_stopped;
    });
    if (is_stopped) throw Error(Errc::failed, "the caller ended the listing");
  });
}

int32_t StorageService::properties_entry(void* self, jp_str blob, jp_sink line,
                                         jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    check_blob_name(boundary::view(blob));
    const Lease store(self);
    const auto info = store->properties(boundary::view(blob));
    if (!info)
      throw Error(Errc::not_found, "blob " + quoted(boundary::view(blob)) +
                                       " not found in the locker " + store->address());
    write_to(line, json_line(*info) + '\n');
  });
}

int32_t StorageService::download_entry(void* self, const jp_download* download,
                                       jp_downloaded* result, jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    check_blob_name(boundary::view(download->blob));
    const auto downloaded = Lease(self)->download(
        boundary::view(download->blob), std::string(boundary::view(download->to_path)),
        (download->flags & JP_DOWNLOAD_FRESH) != 0, watch_of(download->progress));
    hand_out(jp_downloaded{sizeof(jp_downloaded), downloaded.checked ? 1u : 0u, downloaded.bytes,
                           downloaded.resumed},
             result);
  });
}

int32_t StorageService::upload_entry(void* self, const jp_upload* upload, jp_uploaded* result,
                                     jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    check_blob_name(boundary::view(upload->blob));
    std::string content_type(boundary::view(upload->content_type));
    check_header_text("content type", content_type);
    if (content_type.empty()) content_type = "application/octet-stream";
    const uint64_t bytes =
        Lease(self)->upload(boundary::view(upload->blob), content_type, content_of(upload->source),
                            watch_of(upload->progress));
    hand_out(jp_uploaded{sizeof(jp_uploaded), 0, bytes}, result);
  });
}

int32_t StorageService::remove_entry(void* self, jp_str blob, jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    check_blob_name(boundary::view(blob));
    Lease(self)->remove(boundary::view(blob));
  });
}

int32_t StorageService::sign_entry(void* self, const jp_signature* signature, jp_sink url,
                                   jp_signed* result, jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    check_blob_name(boundary::view(signature->blob));
    check_header_text("content disposition", boundary::view(signature->content_disposition));
    check_header_text("content type", boundary::view(signature->content_type));
    if (signature->seconds < 1) throw Error(Errc::usage, "a URL is valid for at least a second");
    const SignedAddress made = Lease(self)->sign(
        {boundary::view(signature->blob),
         std::chrono::seconds{std::min<int64_t>(signature->seconds, int64_t{1} << 40)},
         boundary::view(signature->content_disposition), boundary::view(signature->content_type)});
    hand_out(
        jp_signed{sizeof(jp_signed), made.shortened ? 1u : 0u,
                  std::chrono::duration_cast<std::chrono::seconds>(made.expires.time_since_epoch())
                      .count()},
        result);
    write_to(url, made.url);
  });
}

int32_t StorageService::sync_entry(void* self, const jp_sync* sync, jp_synced* result,
                                   jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    check_prefix(boundary::view(sync->prefix));
    const Lease store(self);
    const SyncResult done =
        storage::sync(*store, {std::string(boundary::view(sync->prefix)),
                               std::string(boundary::view(sync->directory)),
                               (sync->flags & JP_SYNC_FRESH) != 0, watch_of(sync->progress),
                               [self](const std::string& text) { from(self).host_.warn(text); }});
    hand_out(jp_synced{sizeof(jp_synced), done.changed ? 1u : 0u, done.files, done.bytes,
                       done.transferred, done.transferred_bytes, done.removed},
             result);
  });
}

namespace {

// Opens jp_download_all.directory, which the results are relative to.
support::Fd open_directory(const std::string& path) {
  support::Fd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd)
    throw Error(Errc::failed, "cannot download to " + support::one_line(path) + ": " +
                                  support::system_message(errno));
  return fd;
}

void report(const jp_download_all& download, uint64_t index, const Wanted& wanted) {
  jp_error failure{};
  if (wanted.failure) {
    boundary::guard(&failure, [&] { std::rethrow_exception(wanted.failure); });
    download.settled(download.ctx, index, nullptr, &failure);
  } else if (wanted.done) {
    const jp_downloaded result{sizeof(jp_downloaded), wanted.done->checked ? 1u : 0u,
                               wanted.done->bytes, wanted.done->resumed};
    download.settled(download.ctx, index, &result, nullptr);
  }
}

}  // namespace

int32_t StorageService::download_all_entry(void* self, const jp_download_all* download,
                                           jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    std::string directory(boundary::view(download->directory));
    const support::Fd root = open_directory(directory);
    if (!directory.ends_with('/')) directory += '/';
    std::vector<BlobInfo> blobs;
    blobs.reserve(download->count);
    std::vector<Wanted> all;
    all.reserve(download->count);
    for (uint64_t i = 0; i < download->count; ++i) {
      blobs.push_back(parse_json_line(boundary::view(download->wanted[i]->line)));
      check_blob_name(blobs.back().name);
      const std::string below(boundary::view(download->wanted[i]->path));
      if (!is_file_name(below))
        throw Error(Errc::usage,
                    "cannot download to " + quoted(below) + ": it is not a path below a directory");
      Wanted& wanted = all.emplace_back(Wanted{&blobs.back(), directory + below});
      wanted.root = root.get();
      wanted.below = below;
      wanted.fresh = (download->flags & JP_DOWNLOAD_FRESH) != 0;
    }
    Lease(self)->download_all(all, OnFailure::go_on, watch_of(download->progress));
    for (uint64_t i = 0; i < all.size(); ++i) report(*download, i, all[i]);
  });
}

namespace {

int32_t open_storage(const jp_host* host, const void** table, jp_error* err) noexcept {
  return boundary::guard(err, [&] { *table = service_table<StorageService>(*host); });
}

}  // namespace

}  // namespace jetpack::storage

extern "C" JP_EXPORT constexpr jetpack::ServiceModule jetpack_service_v1 = {
    sizeof(jetpack::ServiceModule), 0, &jetpack::storage::open_storage};
