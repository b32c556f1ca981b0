// Tells the cluster how a converge goes: the messages "installation" and "converge".
#pragma once

#include <string>

#include <jetpack/session.hpp>
#include "converge/history.hpp"
#include "converge/narrator.hpp"

namespace jetpack::converge {

class ClusterReport {
 public:
  // With `waits` a message may be delivered by this process, where no daemon runs.
  ClusterReport(const Session& session, Narrator& narrator, bool waits);

  // What is being done, for one that takes long, and the steps so far.
  void announce(const Run& run, const std::string& what);
  // The result, and the steps that were not reported yet.
  void finish(const Run& run);

 private:
  void publish(std::string_view type, const std::string& data);
  std::string converge_data(const Run& run, const std::string& message);

  const Session& session_;
  Narrator& narrator_;
  bool waits_;
  std::string id_;
  size_t reported_ = 0;  // steps that have ended and were reported
};

}  // namespace jetpack::converge
