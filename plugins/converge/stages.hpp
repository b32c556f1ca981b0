// Which scripts the specs have, in the order in which they are run.
#pragma once

#include <string>
#include <vector>

#include "support/script_environment.hpp"

namespace jetpack::converge {

enum class Stage { install, scripts, activate };
std::string name_of(Stage stage);

struct Script {
  size_t spec = 0;  // which of the specs
  Stage stage = Stage::scripts;
  std::string name;  // "10-install.sh"
  std::string path;
  // "PROJECT/SPEC/scripts/10-install.sh": what it is known by in the state, the markers and logs/.
  std::string key;
};

// What is in a directory of scripts and is not run.
struct Ignored {
  std::string path;
  std::string why;
  bool is_odd = false;  // it has the name of a script
};

struct Stages {
  std::vector<Script> scripts;
  std::vector<Ignored> ignored;
};

// stages/install.sh of all specs, then their scripts, then stages/activate.sh; specs in their order,
// the scripts of one in the order of the bytes of their names. Only NAME.sh is run.
Stages find_stages(const std::string& directory, const std::vector<support::Spec>& specs);

}  // namespace jetpack::converge
