// Runs Chef, where a run list asks for it, in local mode: with the cookbooks of the specs.
#pragma once

#include <string>
#include <vector>

#include <jetpack/config.hpp>
#include <jetpack/process.hpp>
#include "converge/narrator.hpp"
#include "converge/report.hpp"
#include "converge/runner.hpp"
#include "support/script_environment.hpp"

namespace jetpack::converge {

struct ChefPlan {
  std::vector<std::string> run_list;  // without what every node has; empty: Chef is not run
  std::string client;                 // the program
};

// Throws Failed when a run list asks for Chef and there is no client.
ChefPlan plan_chef(const Config& config, const std::vector<support::Spec>& specs);

// Where a spec's cookbooks, roles and data bags are: its directory chef/.
std::string chef_directory(const std::string& home, const support::Spec& spec);

// Merges the cookbooks, and runs the client. Throws Failed.
void run_chef(const Process& process, const Config& config, Narrator& narrator,
              const std::string& home, const std::vector<support::Spec>& specs,
              const ChefPlan& plan, Step& step, const Tick& tick);

}  // namespace jetpack::converge
