// Which specs are applied.
#include "converge/specs.hpp"

#include <sys/stat.h>

#include <algorithm>

#include <jetpack/error.hpp>

namespace jetpack::converge {

std::vector<support::Spec> distinct_specs(const std::vector<support::Spec>& specs) {
  std::vector<support::Spec> distinct;
  for (const auto& spec : specs) {
    const auto found = std::find_if(distinct.begin(), distinct.end(), [&](const auto& earlier) {
      return earlier.project == spec.project && earlier.name == spec.name;
    });
    if (found == distinct.end()) {
      distinct.push_back(spec);
    } else if (found->version != spec.version) {
      throw Error(Errc::corrupt, "cyclecloud.cluster_init_specs has spec '" + spec.name +
                                     "' of project '" + spec.project + "' in version '" +
                                     found->version + "' and in version '" + spec.version +
                                     "'; keep one of them in the cluster's template");
    } else {
      found->optional = found->optional && spec.optional;
    }
  }
  return distinct;
}

std::vector<support::Spec> present_specs(const std::string& directory,
                                         const std::vector<support::Spec>& specs,
                                         std::vector<std::string>& skipped) {
  std::vector<support::Spec> present;
  for (const auto& spec : specs) {
    const std::string path = support::spec_path(directory, spec);
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      present.push_back(spec);
    } else if (spec.optional) {
      skipped.push_back(spec.project + '/' + spec.name);
    } else {
      throw Error(Errc::not_found,
                  "spec '" + spec.name + "' of project '" + spec.project + "' is not in " + path +
                      "; run converge without --offline and --no-sync to fetch it");
    }
  }
  return present;
}

}  // namespace jetpack::converge
