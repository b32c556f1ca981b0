// Checks installed bundles again: signature, policy, every file.
#include "bundles/verify.hpp"

#include <jetpack/error.hpp>
#include "bundles/directory_content.hpp"
#include "bundles/judge.hpp"
#include "bundles/store.hpp"
#include "bundles/unpack.hpp"
#include "loader/refusal.hpp"
#include "support/trust.hpp"

namespace jetpack::bundles {

namespace {

constexpr size_t max_problems = 50;

// Adds what `check` throws.
template <class Check>
bool holds(std::vector<std::string>& problems, Check check) {
  try {
    check();
    return true;
  } catch (const Refusal& refusal) {
    problems.emplace_back(refusal.what());
  } catch (const Error& error) {
    problems.emplace_back(error.what());
  }
  return false;
}

void check_each_file(const Content& content, const BundleManifest& manifest,
                     const std::string& directory, std::vector<std::string>& problems) {
  const auto& entries = content.entries();
  for (size_t i = 0; i < entries.size() && problems.size() < max_problems; ++i) {
    const std::string& path = entries[i].path;
    holds(problems, [&] { support::trusted_path(path_below(directory, path)); });
    if (path == manifest_name || path == signature_name) continue;
    const auto file = manifest.files.find(path);
    if (file == manifest.files.end()) {
      problems.push_back("the file " + path + " is not in the manifest");
      continue;
    }
    holds(problems, [&] {
      if (digest_of(content, i, nullptr) != file->second.sha256)
        throw Refusal("the file " + path + " was changed: its SHA-256 is another");
    });
  }
  for (const auto& [path, file] : manifest.files)
    if (content.find(path) == nullptr && problems.size() < max_problems)
      problems.push_back("the file " + path + " is missing");
}

}  // namespace

std::vector<std::string> problems_of_files(const std::string& directory) {
  std::vector<std::string> problems;
  holds(problems, [&] {
    const DirectoryContent content(directory);
    const auto manifest = BundleManifest::parse(content.read_small(manifest_name, max_manifest));
    check_each_file(content, manifest, directory, problems);
  });
  return problems;
}

Verdict verify(const std::string& home, const std::string& id, const Policy& policy) {
  const Store store(home);
  const auto version = store.active(id);
  if (!version) throw Error(Errc::not_found, "bundle '" + id + "' is not installed");
  Verdict verdict{id, *version, {}, {}};
  const std::string directory = store.directory_of(id, *version);
  verdict.problems = problems_of_files(directory);
  auto& problems = verdict.problems;
  holds(problems, [&] {
    const DirectoryContent content(directory);
    const std::string text = content.read_small(manifest_name, max_manifest);
    const bool is_signed = content.find(signature_name) != nullptr;
    verdict.key = check_signature(
        text, is_signed ? content.read_small(signature_name, max_signature) : "", home, policy);
    const auto manifest = BundleManifest::parse(text);
    if (manifest.id != id || manifest.version != *version)
      throw Refusal("its manifest is that of " + manifest.id + ' ' + manifest.version);
    check_policy(manifest, verdict.key, policy);
    check_plugins(directory, manifest);
  });
  return verdict;
}

}  // namespace jetpack::bundles
