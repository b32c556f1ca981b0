// Collects the node's state for a report: status, configuration, units, disks, kernel messages.
#pragma once

#include <string>
#include <vector>

#include <jetpack/plugin.hpp>

namespace jetpack::report_issue {

struct Fact {
  std::string name;     // of the file in the archive: "node/status.json"
  std::string source;   // "jetpack status --json"
  std::string content;  // secrets in configuration values are masked, others are not
  std::string why;      // why there is no content; empty when there is
  uint64_t masked = 0;  // number of masked configuration values
};

// The names and sources of the facts that gather_facts returns.
std::vector<Fact> planned_facts();

// Runs all commands at once, so that one that hangs does not delay the others. Their facts are in
// the order of planned_facts.
std::vector<Fact> run_commands(const jetpack::Process& process);

// Gathers all facts, with a time limit of some seconds for each; one that fails says why. Forks, so
// call it before starting threads.
std::vector<Fact> gather_facts(const jetpack::Call& call);

}  // namespace jetpack::report_issue
