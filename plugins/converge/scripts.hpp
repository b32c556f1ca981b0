// Runs the scripts of the specs that have not run yet.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <jetpack/process.hpp>
#include "converge/markers.hpp"
#include "converge/narrator.hpp"
#include "converge/options.hpp"
#include "converge/report.hpp"
#include "converge/runner.hpp"
#include "converge/stages.hpp"
#include "converge/state.hpp"

namespace jetpack::converge {

struct Place {
  std::string home;
  std::string directory;  // of the specs
  Instance instance;
};

class Scripts {
 public:
  // Called when something takes so long that the cluster is to know of it; with what it is.
  using Announce = std::function<void(const std::string& what)>;

  // Reads what is known, and changes nothing. Keeps references to all but `announce`.
  Scripts(const Process& process, Narrator& narrator, const Place& place, const Options& options,
          const std::vector<support::Spec>& specs, Announce announce);

  // What would be done.
  std::vector<Step> plan() const;
  // Does it, and adds what was done to `steps`. Throws Failed at the first script that fails.
  void run(std::vector<Step>& steps);

 private:
  void prepare();
  void run_all(std::vector<Step>& steps);
  Decision decision_on(const Script& script) const;
  Step step_of(const Script& script) const;
  void skip(const Script& script, const Decision& decision);
  void run_script(const Script& script, const std::string& why, Step& step);
  Ran execute(const Script& script, OutputFile& output, std::vector<std::string> argv);
  Record new_record(const Script& script, const std::string& sha256) const;
  void store(const Script& script, Record record);
  // Makes sure that the new markers are on disk.
  void settle();
  void forget_gone();
  std::string log_of(const Script& script) const;

  const Process& process_;
  Narrator& narrator_;
  const Place& place_;
  const Options& options_;
  const std::vector<support::Spec>& specs_;
  Announce announce_;
  State state_;
  Markers markers_;
  Stages stages_;
  std::map<std::string, std::string> reasons_;  // why scripts that have run run again
  std::string boot_;
  std::vector<std::string> unsettled_;  // keys whose markers are new
  size_t number_ = 0;                   // of the script that runs, from 1
};

}  // namespace jetpack::converge
