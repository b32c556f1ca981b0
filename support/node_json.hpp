// config/node.json: the whole configuration in one file, for those who read the file and not the
// command.
#pragma once

#include <jetpack/config.hpp>

namespace jetpack::support {

// Replaces the file by what `jetpack config --json` prints, if that has changed; returns whether it
// had. Without a config/facts.json nothing is written: node.json was then written by hand, and the
// configuration is read from it. Throws as write_durably.
bool write_node_json(const Config& config);

}  // namespace jetpack::support
