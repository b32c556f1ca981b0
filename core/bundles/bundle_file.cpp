// Writes bundles to files, and signs them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include <jetpack/error.hpp>
#include "bundles/pack.hpp"
#include "bundles/signature.hpp"
#include "bundles/store.hpp"
#include "bundles/unpack.hpp"
#include "bundles/zip_reader.hpp"
#include "bundles/zip_writer.hpp"
#include "loader/refusal.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"

namespace jetpack::bundles {

namespace {

// What `write` writes to a new file replaces `path` when it is complete.
void replace_file(const std::string& path, const std::function<void(int fd)>& write) {
  constexpr unsigned mode = 0644;
  std::string made = path + ".XXXXXX";
  const support::Fd fd(::mkostemp(made.data(), O_CLOEXEC));
  if (!fd) support::fail_on_file("create", made, errno);
  try {
    write(fd.get());
    if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0)
      support::fail_on_file("write", made, errno);
    if (::rename(made.c_str(), path.c_str()) != 0) support::fail_on_file("replace", path, errno);
  } catch (...) {
    ::unlink(made.c_str());
    throw;
  }
  sync_path(support::parent_directory(path));
}

void add_text(ZipWriter& zip, std::string_view name, std::string_view text) {
  zip.add(name, false, [&](const Sink& sink) { sink(text); });
}

void add_part(ZipWriter& zip, const Part& part, uint64_t size) {
  const support::Fd file = support::open_file(part.file);
  const FileReader reader(file.get());
  zip.add(part.path, part.is_executable, [&](const Sink& sink) {
    std::string piece(64 << 10, '\0');
    uint64_t at = 0;
    while (const size_t got = file ? reader.read(at, piece) : 0) {
      at += got;
      sink(std::string_view(piece).substr(0, got));
    }
    if (at != size) throw Error(Errc::failed, part.file + " changed while it was packed");
  });
}

}  // namespace

void write_bundle(const Packing& packing, const PrivateKey* key, const std::string& output) {
  const std::string manifest = packing.manifest.text();
  replace_file(output, [&](int fd) {
    ZipWriter zip(fd);
    add_text(zip, manifest_name, manifest);
    if (key != nullptr) add_text(zip, signature_name, Signature::sign(*key, manifest).text());
    for (const auto& part : packing.parts)
      add_part(zip, part, packing.manifest.files.at(part.path).size);
    zip.finish();
  });
}

BundleManifest sign_bundle(const std::string& file, const PrivateKey& key) {
  const support::Fd fd = support::open_file(file);
  if (!fd) throw Error(Errc::not_found, "cannot sign " + file + ": not found");
  const FileReader reader(fd.get());
  const ZipReader bundle(reader);
  const std::string text = bundle.read_small(manifest_name, max_manifest);
  BundleManifest manifest = BundleManifest::parse(text);
  replace_file(file, [&](int to) {
    ZipWriter zip(to);
    add_text(zip, manifest_name, text);
    add_text(zip, signature_name, Signature::sign(key, text).text());
    for (size_t i = 0; i < bundle.entries().size(); ++i) {
      const Entry& entry = bundle.entries()[i];
      if (entry.path == manifest_name || entry.path == signature_name) continue;
      zip.add(entry.path, entry.is_executable, [&](const Sink& sink) {
        const auto listed = manifest.files.find(entry.path);
        if (listed == manifest.files.end() || digest_of(bundle, i, sink) != listed->second.sha256)
          throw Refusal("its file '" + entry.path + "' is not what its manifest says");
      });
    }
    zip.finish();
  });
  return manifest;
}

}  // namespace jetpack::bundles
