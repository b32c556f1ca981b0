// Installs a bundle: judged, unpacked beside the others, and made active by one rename.
#include "bundles/install.hpp"

#include <memory>

#include <jetpack/error.hpp>
#include "bundles/directory_content.hpp"
#include "bundles/store.hpp"
#include "bundles/unpack.hpp"
#include "bundles/verify.hpp"
#include "bundles/zip_reader.hpp"
#include "loader/audit.hpp"
#include "loader/refusal.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/sha256.hpp"

namespace jetpack::bundles {

namespace {

void log_decision(const std::string& home, const std::string& verb, const Judged& known,
                  bool allowed, const std::string& reason) {
  // A new home has no plugins/ yet.
  support::create_directories(home + "/plugins", 0755);
  write_audit(home, {verb, known.manifest.id, known.manifest.version, known.key, allowed, reason});
}

void check_expected(const BundleManifest& manifest, const Expected& expected) {
  const auto differs = [](const std::string& wanted, const std::string& found) {
    return !wanted.empty() && wanted != found;
  };
  if (differs(expected.id, manifest.id) || differs(expected.version, manifest.version))
    throw Refusal("it is " + manifest.id + ' ' + manifest.version + ", not " + expected.id + ' ' +
                  expected.version);
}

Policy read_policy(const std::string& home) {
  try {
    return Policy::read(home);
  } catch (const Error& error) {
    throw Refusal(error.what());
  }
}

void check_digest(const ByteReader& file, const std::string& expected) {
  support::Sha256 digest;
  std::string piece(64 << 10, '\0');
  uint64_t at = 0;
  while (const size_t got = file.read(at, piece)) {
    digest.update(std::string_view(piece).substr(0, got));
    at += got;
  }
  if (support::hex(digest.finish()) != expected)
    throw Refusal("its SHA-256 is not the one in the index");
}

// Whether this very bundle is there, whole, under its id and version.
bool is_there(const Store& store, const Judged& bundle) {
  const std::string directory = store.directory_of(bundle.manifest.id, bundle.manifest.version);
  const auto text = support::read_file(directory + "/plugin.json", max_manifest);
  const auto signature = support::read_file(directory + "/plugin.json.sig", max_signature);
  return text == bundle.manifest_text && signature.value_or("") == bundle.signature_text &&
         problems_of_files(directory).empty();
}

Installed put(const Content& content, const Judged& bundle, const std::string& home) {
  const BundleManifest& manifest = bundle.manifest;
  const Store store(home);
  Store::Change change(store);
  Installed done{
      manifest.id, manifest.version, bundle.key, store.active(manifest.id).value_or(""), {}, false};
  for (const auto& command : manifest.commands) done.commands.push_back(command.name);
  done.is_unchanged = done.before == manifest.version && is_there(store, bundle);
  if (done.is_unchanged) {
    check_digests(content, bundle);
  } else {
    const std::string staging = change.staging();
    try {
      unpack(content, bundle, staging);
      check_plugins(staging, manifest);
    } catch (...) {
      change.discard(staging);
      throw;
    }
    change.adopt(staging, manifest.id, manifest.version);
  }
  change.activate(manifest.id, manifest.version);
  return done;
}

// What `open` opens; when it refuses to, that is logged.
template <class Open>
auto opened(const std::string& home, const std::string& source, const std::string& verb,
            Open open) {
  try {
    return open();
  } catch (const Refusal& refusal) {
    log_decision(home, verb, {}, false, source + ": " + refusal.what());
    throw;
  }
}

Installed install(const Content& content, const std::string& home, const std::string& source,
                  const std::string& verb, const Expected& expected) {
  Judged known;
  try {
    const Policy policy = read_policy(home);
    judge(content, home, policy, known);
    check_expected(known.manifest, expected);
    Installed done = put(content, known, home);
    log_decision(home, verb, known, true,
                 (done.is_unchanged ? "was active already, from " : "from ") + source);
    return done;
  } catch (const Refusal& refusal) {
    log_decision(home, verb, known, false, source + ": " + refusal.what());
    throw;
  }
}

}  // namespace

Installed install_file(int fd, const std::string& home, const std::string& source,
                       const std::string& verb, const Expected& expected) {
  const FileReader reader(fd);
  const auto zip = opened(home, source, verb, [&] {
    if (!expected.sha256.empty()) check_digest(reader, expected.sha256);
    return std::make_unique<ZipReader>(reader);
  });
  return install(*zip, home, source, verb, expected);
}

Installed install_directory(const std::string& directory, const std::string& home,
                            const std::string& verb) {
  const auto content =
      opened(home, directory, verb, [&] { return std::make_unique<DirectoryContent>(directory); });
  return install(*content, home, directory, verb, {});
}

}  // namespace jetpack::bundles
