// Fetches the specs from the locker.
#include "converge/fetch.hpp"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include <jetpack/progress.hpp>

#include "converge/chef.hpp"
#include "converge/fetch_run.hpp"
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

Step Fetch::step_of(const FetchedSpec& fetched) const {
  Step step;
  step.action = "fetch";
  step.status = "running";
  step.name = prefix_of(*fetched.spec);
  step.project = fetched.spec->project;
  step.spec = fetched.spec->name;
  step.why = summary_of(fetched.all);
  step.elapsed_ms = fetched.elapsed.count();
  return step;
}

// Reports what became of one spec.
void Fetch::finish(const FetchedSpec& fetched, Step& step) const {
  const auto& spec = *fetched.spec;
  try {
    if (fetched.failure) std::rethrow_exception(fetched.failure);
    if (!fetched.has_scripts && !fetched.has_chef && !has_blobs(prefix_of(spec))) {
      if (!spec.optional) fail_missing(spec);
      step.why = "optional, and not in the locker";
    } else {
      // Chef's part may be all there is of it.
      if (!fetched.has_scripts)
        support::create_directories(support::spec_path(directory_, spec), spec_mode);
      if (fetched.all.transferred > 0 || fetched.all.removed > 0)
        narrator_.say("Fetched project '" + with_version(spec) + "' spec '" + spec.name +
                      "': " + step.why);
    }
    step.status = "ran";
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

void Fetch::fetch(const std::vector<support::Spec>& specs, std::vector<Step>& steps) {
  const auto start = Clock::now();
  const std::string what = specs.size() == 1 ? specs[0].project + '/' + specs[0].name
                                             : std::to_string(specs.size()) + " specs";
  narrator_.progress().begin("fetching " + what);
  FetchRun run(storage_, specs, [&](const support::Spec& spec) {
    FetchTarget target{prefix_of(spec), support::spec_path(directory_, spec), ""};
    if (wants_chef_) target.chef = chef_directory(home_, spec);
    return target;
  });
  run.wait([&](uint64_t done, uint64_t total, const std::vector<std::string>& warnings) {
    for (const auto& warning : warnings) narrator_.warn(warning);
    narrator_.progress().update(std::chrono::duration_cast<milliseconds>(Clock::now() - start),
                                size_text(static_cast<double>(done)) + " of " +
                                    size_text(static_cast<double>(total)) + '\n');
    announce_("fetching " + what);
  });
  narrator_.progress().clear();
  for (const auto& fetched : run.results()) {
    steps.push_back(step_of(fetched));
    finish(fetched, steps.back());
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
