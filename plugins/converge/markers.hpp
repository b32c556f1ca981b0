// The markers in the cluster-init directory, .run/PROJECT/SPEC/scripts/NAME.run: one for each script
// that has run. People and other programs delete them to have a script run again.
#pragma once

#include <string>
#include <vector>

#include "converge/state.hpp"
#include "support/script_environment.hpp"

namespace jetpack::converge {

class Markers {
 public:
  explicit Markers(std::string directory);

  // Names this directory on this disk, as .disk in it says; empty when there is none. A directory
  // that is created again, such as on a disk that was formatted, has another name.
  const std::string& disk() const { return disk_; }
  // Gives it a name where it has none. Throws nothing: without one, markers that are gone do not
  // count as deleted.
  void name_disk();

  bool exists(const std::string& key) const;
  // Throws Errc::unavailable, such as when the disk is full.
  void write(const std::string& key, const Record& record, const Instance& instance) const;
  // Returns when the markers are on disk, and those that are there.
  std::vector<std::string> sync(const std::vector<std::string>& keys) const;
  void remove(const std::string& key) const;
  // Those of one spec, as keys.
  std::vector<std::string> keys_of(const support::Spec& spec) const;
  // Removes those that were not written on this instance: of an image, or of the time before a
  // reimage, which does not empty the resource disk.
  void remove_foreign(const Instance& instance) const;
  void remove_all() const;

 private:
  std::string path_of(const std::string& key) const { return directory_ + "/.run/" + key + ".run"; }

  std::string directory_;
  std::string disk_;
};

}  // namespace jetpack::converge
