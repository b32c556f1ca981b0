// The specs of the projects that configure this node: which there are, where they are on disk, and
// what their scripts and tests, and the node's other scripts, find in the environment.
#pragma once

#include <string>
#include <vector>

#include <rapidjson/document.h>

#include <jetpack/config.hpp>

namespace jetpack::support {

struct Spec {
  std::string project;
  std::string version;  // may be empty
  std::string name;
  bool optional = false;                   // left out where the locker does not have it
  std::vector<std::string> run_list = {};  // what it adds to Chef's
};

// The key cyclecloud.cluster_init_specs, in its order, without those of the project "cyclecloud",
// which is the server's own. Throws Errc::corrupt when it is not a list of specs with names that a
// path may have, and Errc::unavailable when the node has no configuration.
std::vector<Spec> node_specs(const Config& config);

// The same for the JSON of that key.
std::vector<Spec> specs_in(const std::string& json);

// What a Chef run list has: a list, or a text with commas.
std::vector<std::string> run_list_in(const rapidjson::Value& list);

// Whether a name from the server may be one part of a path: no '/', not "." or "..", no control
// characters.
bool is_path_part(const std::string& name);

// Where the specs are: DIRECTORY/PROJECT/SPEC. The setting cyclecloud.jetpack.cluster_init_dir;
// throws Errc::corrupt when it is not an absolute path.
std::string cluster_init_directory(const Config& config);

inline std::string project_path(const std::string& directory, const Spec& spec) {
  return directory + '/' + spec.project;
}
inline std::string spec_path(const std::string& directory, const Spec& spec) {
  return project_path(directory, spec) + '/' + spec.name;
}

// What every script finds beside the caller's environment, as NAME=VALUE: where the home is, and PATH
// with the agent's bin first, but never the embedded Python, which would take the system's place. HOME
// and SHELL are root's if unset.
std::vector<std::string> home_environment(const std::string& home);

// The same for a script of a spec, which also finds its project.
std::vector<std::string> script_environment(const std::string& home, const std::string& directory,
                                            const Spec& spec);

// The Python that projects' scripts and tests run with: the one of the home, else "python3".
std::string script_python(const std::string& home);

}  // namespace jetpack::support
