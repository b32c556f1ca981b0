// What a report tells of the node besides its logs: status, configuration, units, disk, kernel.
#pragma once

#include <string>
#include <vector>

#include <jetpack/plugin.hpp>

namespace jetpack::report_issue {

struct Fact {
  std::string name;     // of the file in the archive: "node/status.json"
  std::string source;   // "jetpack status --json"
  std::string content;  // may still hold secrets, unless they are values of the configuration
  std::string why;      // when there is no content: why not
  uint64_t masked = 0;  // values of the configuration
};

// The names and sources of what gather_facts gives.
std::vector<Fact> planned_facts();

// All of them, each within some seconds; one that cannot be had says why. Starts processes, so it
// comes before threads.
std::vector<Fact> gather_facts(const jetpack::Call& call);

}  // namespace jetpack::report_issue
