// The commands `hub blob ...`, which work on the blob store directly.
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "blobs/blob_error.hpp"
#include "blobs/blob_reading.hpp"
#include "blobs/blob_store.hpp"
#include "commands/commands.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "server/locker.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t copied_at_once = 256 << 10;

[[noreturn]] void fail_with(const std::string& doing, const std::string& file) {
  const int error = errno;
  throw Error(error == ENOENT ? Errc::not_found : Errc::failed,
              doing + " " + file + ": " + std::generic_category().message(error));
}

// The blob store of the hub's data directory, and the container to work on.
struct OpenStore {
  // `name` is that of a blob, or what the names of several begin with.
  OpenStore(const Call& call, const std::string& name)
      : store(directory_of(call)), container(container_of(call, name)) {}

  // Where nodes have a blob of this name: reports are together, software is by cluster.
  static std::string container_of(const Call& call, const std::string& name) {
    if (const auto given = call.text("container")) return std::string(*given);
    return name.starts_with(reports_directory) ? reports_container
                                               : locker_container(cluster_option(call));
  }

  static std::filesystem::path directory_of(const Call& call) {
    const DataDirectory data{std::filesystem::absolute(data_option(call))};
    if (!std::filesystem::exists(data.blob_key()))
      throw Error(Errc::not_found, "no hub with blobs found in " + data.root.string() +
                                       "\nGive its directory with --data.");
    return data.blobs();
  }

  BlobStore store;
  std::string container;
};

// Runs work(OpenStore&); what the store rejects is a usage error.
template <class Work>
int with_store(const Call& call, const char* argument, Work work) {
  try {
    OpenStore opened(call, text_option(call, argument));
    return work(opened);
  } catch (const BlobError& error) {
    throw Error(Errc::usage, error.what());
  }
}

// The file to read or write: FILE, or in the working directory the last part of the blob's name.
std::string file_of(const Call& call, const std::string& blob) {
  if (const auto file = call.text("FILE")) return std::string(*file);
  return blob.substr(blob.rfind('/') + 1);
}

[[noreturn]] void fail_no_blob(const std::string& blob) {
  throw Error(Errc::not_found, "blob '" + support::one_line(blob) + "' not found");
}

// What was done: {"action": "put", "blob": "a", "bytes": 3} with --json, else "Stored a: 3 bytes".
struct DoneBlob {
  const char* action;
  const char* done;  // for people
  std::string blob;
  std::optional<uint64_t> bytes;
};

std::string text_of(const Call& call, const DoneBlob& what) {
  if (call.flag("json"))
    return support::shown_json(support::json_object([&](support::Object& object) {
      object.text("action", what.action).text("blob", what.blob);
      if (what.bytes) object.number("bytes", *what.bytes);
    }));
  return std::string(what.done) + ' ' + support::one_line(what.blob) +
         (what.bytes ? ": " + std::to_string(*what.bytes) + " bytes\n" : "\n");
}

int print_blob(const Call& call, const DoneBlob& what) {
  call.print(text_of(call, what));
  return 0;
}

void read_into(BlobWriter& writer, const std::string& file) {
  const support::Fd from = support::open_input(file);
  std::vector<char> buffer(copied_at_once);
  for (;;) {
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with("failed to read", support::name_of_input(file));
    if (got == 0) return;
    writer.write({buffer.data(), static_cast<size_t>(got)});
  }
}

void write_content(const OpenBlob& blob, const std::string& file) {
  const support::Fd to = support::open_output(file);
  read_range(blob, {0, blob.properties.bytes}, [&](const char* data, size_t size) {
    errno = support::write_all(to.get(), {data, size});
    if (errno != 0) fail_with("failed to write", file);
    return true;
  });
}

// To standard output, where nothing else may be.
int print_content(const Call& call, const OpenBlob& blob) {
  read_range(blob, {0, blob.properties.bytes}, [&](const char* data, size_t size) {
    call.print({data, size});
    return true;
  });
  return 0;
}

}  // namespace

int blob_put(const Call& call) {
  return with_store(call, "NAME", [&](OpenStore& opened) {
    const std::string blob = text_option(call, "NAME");
    BlobWriter writer = opened.store.start();
    read_into(writer, file_of(call, blob));
    opened.store.create_container(opened.container);
    BlobProperties properties;
    properties.headers = {{"content-type", "application/octet-stream"},
                          {"content-md5", writer.md5()}};
    properties = opened.store.commit(writer, opened.container, blob, properties,
                                     [](const BlobProperties*) {});
    return print_blob(call, {"put", "Stored", blob, properties.bytes});
  });
}

int blob_get(const Call& call) {
  return with_store(call, "NAME", [&](OpenStore& opened) {
    const std::string blob = text_option(call, "NAME");
    const auto found = opened.store.open(opened.container, blob);
    if (!found) fail_no_blob(blob);
    const std::string file = file_of(call, blob);
    if (file == "-") return print_content(call, *found);
    write_content(*found, file);
    return print_blob(call, {"get", "Fetched", blob, found->properties.bytes});
  });
}

int blob_remove(const Call& call) {
  return with_store(call, "NAME", [&](OpenStore& opened) {
    const std::string blob = text_option(call, "NAME");
    if (!opened.store.remove(opened.container, blob, [](const BlobProperties*) {}))
      fail_no_blob(blob);
    return print_blob(call, {"remove", "Removed", blob, std::nullopt});
  });
}

int blob_list(const Call& call) {
  return with_store(call, "PREFIX", [&](OpenStore& opened) {
    rapidjson::Document blobs;
    blobs.SetArray();
    auto& pool = blobs.GetAllocator();
    const auto add = [&](const ListedBlob& blob) {
      const std::string modified =
          support::iso_8601(support::from_unix_ms(blob.properties->modified * 1000));
      rapidjson::Value entry(rapidjson::kObjectType);
      entry.AddMember("name", rapidjson::Value(blob.name.c_str(), pool), pool);
      entry.AddMember("bytes", blob.properties->bytes, pool);
      entry.AddMember("modified", rapidjson::Value(modified.c_str(), pool), pool);
      blobs.PushBack(entry, pool);
      return true;
    };
    const std::string prefix = text_option(call, "PREFIX");
    if (opened.store.has_container(opened.container))
      opened.store.list(opened.container, prefix, "", false, add);
    show_list(call, blobs, {{"BLOB", "name"}, {"BYTES", "bytes"}, {"MODIFIED", "modified", true}},
              "No blobs yet.");
    return 0;
  });
}

}  // namespace jetpack::hub
