// The project whose blobs are downloaded.
#include "download/project.hpp"

#include <cstdlib>

#include <jetpack/error.hpp>
#include "download/destination.hpp"
#include "support/text.hpp"

namespace jetpack::download {

namespace {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Project find_project(const Call& call) {
  const std::string inferred = from_environment("CYCLECLOUD_PROJECT_NAME");
  Project project;
  project.name = call.given("project") ? std::string(*call.text("project")) : inferred;
  if (project.name.empty())
    throw Error(Errc::usage,
                "missing project; specify --project NAME\nIt can be omitted only in cluster-init "
                "scripts, where CYCLECLOUD_PROJECT_NAME is set.");
  if (!is_safe_name(project.name) || project.name.find('/') != std::string::npos)
    throw Error(Errc::usage, in_quotes(project.name) + " is not a valid project name");
  project.prefixes = {"blobs/" + project.name + "/", "projects/" + project.name + "/blobs/"};
  // The version applies only to the project whose script is running.
  const std::string version = from_environment("CYCLECLOUD_PROJECT_VERSION");
  const bool has_version = project.name == inferred && !version.empty() && is_safe_name(version) &&
                           version.find('/') == std::string::npos;
  if (has_version) {
    const std::string versioned = "projects/" + project.name + "/" + version + "/blobs/";
    project.prefixes.push_back(versioned);
    project.prefixes.push_back("cache/" + versioned);
  }
  return project;
}

std::string in_quotes(std::string_view text) { return "'" + support::one_line(text) + "'"; }

}  // namespace jetpack::download
