// Fetches the specs from the locker: projects/PROJECT/VERSION/SPEC/{cluster-init,chef}.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <jetpack/storage.hpp>
#include "converge/narrator.hpp"
#include "converge/report.hpp"
#include "support/script_environment.hpp"

namespace jetpack::converge {

class Fetch {
 public:
  // Called now and then while something is fetched, with what it is.
  using Announce = std::function<void(const std::string& what)>;

  // `directory`: of the specs; `home`: below which Chef's part goes where `wants_chef`.
  Fetch(const Storage& storage, Narrator& narrator, std::string directory, std::string home,
        bool wants_chef, Announce announce);

  // Brings one spec up to date; `step` gets what was done. Throws Failed where the locker does not
  // have it, unless it is optional: then it is not on disk either.
  void fetch(const support::Spec& spec, Step& step);

  // What fetch would do, and which scripts it would bring, where there are none on disk.
  void plan(const support::Spec& spec, std::vector<Step>& steps) const;

 private:
  bool sync(const std::string& prefix, const std::string& to, Synced& all);
  bool has_blobs(const std::string& prefix) const;
  [[noreturn]] void fail_missing(const support::Spec& spec) const;

  const Storage& storage_;
  Narrator& narrator_;
  std::string directory_, home_;
  bool wants_chef_;
  Announce announce_;
};

}  // namespace jetpack::converge
