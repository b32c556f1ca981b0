// Fetches the specs from the locker.
#include "converge/fetch.hpp"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include <jetpack/progress.hpp>

#include "converge/chef.hpp"
#include "converge/configuration.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/text.hpp"

namespace jetpack::converge {

namespace fs = std::filesystem;

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr unsigned spec_mode = 0755;

std::string prefix_of(const support::Spec& spec) {
  return "projects/" + spec.project + '/' + spec.version + '/' + spec.name + '/';
}

std::string summary_of(const Synced& synced) {
  return std::to_string(synced.files) + " files, " + std::to_string(synced.transferred) +
         " transferred (" + size_text(static_cast<double>(synced.transferred_bytes)) + "), " +
         std::to_string(synced.removed) + " removed";
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

// "scripts/10-a.sh" and the like: what is run.
bool is_run(const std::string& name) {
  if (name == "stages/install.sh" || name == "stages/activate.sh") return true;
  return name.starts_with("scripts/") && name.ends_with(".sh") && name.size() > 11 &&
         name.find('/', 8) == std::string::npos && name[8] != '.';
}

}  // namespace

Fetch::Fetch(const Storage& storage, Narrator& narrator, std::string directory, std::string home,
             bool wants_chef, Announce announce)
    : storage_(storage),
      narrator_(narrator),
      directory_(std::move(directory)),
      home_(std::move(home)),
      wants_chef_(wants_chef),
      announce_(std::move(announce)) {}

void Fetch::fail_missing(const support::Spec& spec) const {
  narrator_.log().error("Project download failed");
  Failure failure;
  failure.description = "Failed to find project " + spec.project + " in locker at " +
                        storage_.locker() + '/' + prefix_of(spec);
  failure.recommendation =
      "Check that you have uploaded the project and correctly referenced it in your template";
  failure.project = spec.project;
  failure.spec = spec.name;
  throw Failed(failure);
}

// Throws for a locker that does not exist.
bool Fetch::has_blobs(const std::string& prefix) const {
  bool found = false;
  storage_.list(prefix, [&](std::string_view) {
    found = true;
    return false;
  });
  return found;
}

// False when there is nothing below the prefix; then it is not on disk either.
bool Fetch::sync(const std::string& prefix, const std::string& to, Synced& all) {
  const auto start = Clock::now();
  SyncOptions options;
  options.progress = [&](uint64_t done, uint64_t total) {
    const auto elapsed = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
    narrator_.progress().update(elapsed, size_text(static_cast<double>(done)) + " of " +
                                             size_text(static_cast<double>(total)) + '\n');
    announce_("fetching " + prefix);
    return true;
  };
  try {
    retried(narrator_, [&] {
      const auto synced = storage_.sync(prefix, to, options);
      all.files += synced.files;
      all.transferred += synced.transferred;
      all.transferred_bytes += synced.transferred_bytes;
      all.removed += synced.removed;
    });
    return true;
  } catch (const Error& e) {
    if (e.code() != Errc::not_found) throw;
    std::error_code ignored;
    fs::remove_all(to, ignored);
    return false;
  }
}

void Fetch::fetch(const support::Spec& spec, Step& step) {
  step.name = prefix_of(spec);
  step.project = spec.project;
  step.spec = spec.name;
  const std::string to = support::spec_path(directory_, spec);
  narrator_.progress().begin("fetching " + spec.project + '/' + spec.name);
  try {
    if (spec.version.empty()) throw Error(Errc::corrupt, "its version is missing");
    Synced all;
    const bool has_scripts = sync(prefix_of(spec) + "cluster-init", to, all);
    const bool has_chef =
        wants_chef_ && sync(prefix_of(spec) + "chef", chef_directory(home_, spec), all);
    narrator_.progress().clear();
    step.why = summary_of(all);
    if (!has_scripts && !has_chef && !has_blobs(prefix_of(spec))) {
      if (!spec.optional) fail_missing(spec);
      step.why = "optional, and not in the locker";
      return;
    }
    // Chef's part may be all there is of it.
    if (!has_scripts) support::create_directories(to, spec_mode);
    if (all.transferred > 0 || all.removed > 0)
      narrator_.say("Fetched project '" + with_version(spec) + "' spec '" + spec.name +
                    "': " + step.why);
  } catch (const Failed&) {
    throw;
  } catch (const Error& e) {
    Failure failure = failure_of(e);
    failure.description = "Project download failed: project '" + with_version(spec) + "' spec '" +
                          spec.name + "': " + failure.description;
    failure.project = spec.project;
    failure.spec = spec.name;
    throw Failed(failure);
  }
}

void Fetch::plan(const support::Spec& spec, std::vector<Step>& steps) const {
  const std::string to = support::spec_path(directory_, spec);
  const std::string start = prefix_of(spec) + "cluster-init/";
  const bool is_new = !exists(to);
  std::vector<Step> scripts;
  uint64_t files = 0, bytes = 0;
  storage_.list(start, [&](std::string_view line) {
    const auto blob = support::parse_json(line, "the locker's listing");
    const std::string name = support::text_or(blob, "name", "");
    ++files;
    bytes += support::number_or(blob, "bytes", 0);
    if (!is_new || !name.starts_with(start) || !is_run(name.substr(start.size()))) return true;
    Step& script = scripts.emplace_back();
    script.action = "script";
    script.status = "would run";
    script.name = name.substr(name.rfind('/') + 1);
    script.path = to + '/' + name.substr(start.size());
    script.why = "it has not been fetched yet";
    script.project = spec.project;
    script.spec = spec.name;
    return true;
  });
  Step fetching;
  fetching.action = "fetch";
  fetching.status = "would fetch";
  fetching.name = start;
  fetching.project = spec.project;
  fetching.spec = spec.name;
  fetching.path = to;
  fetching.why = std::to_string(files) + " files (" + size_text(static_cast<double>(bytes)) +
                 ") are in the locker";
  steps.push_back(std::move(fetching));
  steps.insert(steps.end(), scripts.begin(), scripts.end());
}

}  // namespace jetpack::converge
