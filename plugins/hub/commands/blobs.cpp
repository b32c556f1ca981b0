// The commands `hub blob ...`, which work on the blob store directly.
#include "commands/blobs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "blobs/blob_error.hpp"
#include "blobs/blob_store.hpp"
#include "commands/columns.hpp"
#include "commands/serve.hpp"
#include "common/data_directory.hpp"
#include "common/files.hpp"
#include "common/json.hpp"
#include "common/json_writer.hpp"
#include "server/locker.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t copied_at_once = 256 << 10;

[[noreturn]] void fail_with(const std::string& doing, const std::string& file) {
  const int error = errno;
  throw Error(error == ENOENT ? Errc::not_found : Errc::failed,
              doing + " " + file + ": " + std::generic_category().message(error));
}

BlobStore store_of(const Call& call) {
  const DataDirectory data{std::filesystem::absolute(data_option(call))};
  if (!std::filesystem::exists(data.blob_key()))
    throw Error(Errc::not_found, "there is no hub with blobs in " + data.root.string() +
                                     "\nGive its folder with --data.");
  return BlobStore(data.blobs());
}

std::string named_blob(const Call& call) {
  const auto name = call.text("NAME");
  if (!name)
    throw Error(Errc::usage, "'" + std::string(*call.text("ACTION")) + "' needs a blob's name");
  return std::string(*name);
}

// Which file: the one that is named, or the blob's own name here.
std::string file_of(const Call& call, const std::string& blob) {
  if (const auto file = call.text("FILE")) return std::string(*file);
  return blob.substr(blob.rfind('/') + 1);
}

int tell(const Call& call, const std::string& blob, const BlobProperties& properties) {
  if (call.flag("json")) {
    call.print(json_object([&](Object& object) {
                 object.text("action", *call.text("ACTION"))
                     .text("blob", blob)
                     .number("bytes", static_cast<int64_t>(properties.bytes));
               }) +
               "\n");
  } else {
    call.print(std::string(*call.text("ACTION")) + " " + blob + ": " +
               std::to_string(properties.bytes) + " bytes\n");
  }
  return 0;
}

int put_blob(const Call& call, BlobStore& store, const std::string& container) {
  const std::string blob = named_blob(call);
  const std::string file = file_of(call, blob);
  const Descriptor from(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) fail_with("cannot read", file);
  store.create_container(container);
  BlobWriter writer = store.start();
  std::vector<char> buffer(copied_at_once);
  for (;;) {
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with("cannot read", file);
    if (got == 0) break;
    writer.write({buffer.data(), static_cast<size_t>(got)});
  }
  BlobProperties properties;
  properties.headers = {{"content-type", "application/octet-stream"},
                        {"content-md5", writer.md5()}};
  return tell(call, blob,
              store.commit(writer, container, blob, properties, [](const BlobProperties*) {}));
}

int get_blob(const Call& call, const BlobStore& store, const std::string& container) {
  const std::string blob = named_blob(call);
  const std::string file = file_of(call, blob);
  const auto found = store.open(container, blob);
  if (!found) throw Error(Errc::not_found, "there is no blob '" + blob + "'");
  const Descriptor to(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!to) fail_with("cannot write", file);
  std::vector<char> buffer(copied_at_once);
  for (uint64_t done = 0; done < found->properties.bytes;) {
    const size_t want =
        static_cast<size_t>(std::min<uint64_t>(buffer.size(), found->properties.bytes - done));
    const ssize_t got = ::read(found->file.get(), buffer.data(), want);
    if (got <= 0) fail_with("cannot read the blob for", file);
    if (::write(to.get(), buffer.data(), static_cast<size_t>(got)) != got)
      fail_with("cannot write", file);
    done += static_cast<uint64_t>(got);
  }
  return tell(call, blob, found->properties);
}

int remove_blob(const Call& call, BlobStore& store, const std::string& container) {
  const std::string blob = named_blob(call);
  if (!store.remove(container, blob, [](const BlobProperties*) {}))
    throw Error(Errc::not_found, "there is no blob '" + blob + "'");
  return tell(call, blob, {});
}

int list_blobs(const Call& call, const BlobStore& store, const std::string& container) {
  rapidjson::Document blobs;
  blobs.SetArray();
  auto& pool = blobs.GetAllocator();
  const auto add = [&](const ListedBlob& blob) {
    rapidjson::Value entry(rapidjson::kObjectType);
    entry.AddMember("name", rapidjson::Value(blob.name.c_str(), pool), pool);
    entry.AddMember("bytes", blob.properties->bytes, pool);
    entry.AddMember("modified",
                    rapidjson::Value(iso_time(blob.properties->modified * 1000).c_str(), pool),
                    pool);
    blobs.PushBack(entry, pool);
    return true;
  };
  const std::string prefix(call.text("NAME").value_or(""));
  if (store.has_container(container)) store.list(container, prefix, "", false, add);
  show_list(call, blobs, {{"BLOB", "name"}, {"BYTES", "bytes"}, {"MODIFIED", "modified"}},
            "No blobs yet.");
  return 0;
}

}  // namespace

int administer_blobs(const Call& call) {
  BlobStore store = store_of(call);
  const std::string container(*call.text("container"));
  const std::string_view action = *call.text("ACTION");
  try {
    if (action == "put") return put_blob(call, store, container);
    if (action == "get") return get_blob(call, store, container);
    if (action == "remove") return remove_blob(call, store, container);
    return list_blobs(call, store, container);
  } catch (const BlobError& refusal) {
    throw Error(Errc::usage, refusal.what());
  }
}

}  // namespace jetpack::hub
