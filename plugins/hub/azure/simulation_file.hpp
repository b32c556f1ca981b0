// The file azure.json, in which the simulation survives the hub, and through which commands
// change it.
#pragma once

#include <functional>
#include <string>

#include "azure/simulation.hpp"
#include "common/data_directory.hpp"

namespace jetpack::hub {

class SimulationFile {
 public:
  explicit SimulationFile(const DataDirectory& data) : path_(data.azure().string()) {}

  bool exists() const;
  // Advances the simulation to now, calls change(Simulation&), and stores what became different;
  // one caller at a time. A missing file is an empty simulation, a damaged one is moved aside.
  void update(const std::function<void(Simulation&)>& change) const;

 private:
  std::string path_;
};

// The simulation as JSON: what the file holds, and `hub simulate list --json` prints.
std::string to_text(const Simulation& simulation);

}  // namespace jetpack::hub
