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

struct FetchedSpec;

class Fetch {
 public:
  // Called now and then while specs are fetched, with what is done.
  using Announce = std::function<void(const std::string& what)>;

  // `directory`: of the specs; `home`: below which Chef's part goes where `wants_chef`.
  Fetch(const Storage& storage, Narrator& narrator, std::string directory, std::string home,
        bool wants_chef, Announce announce);

  // Brings the specs up to date, several at once, and adds a step for each that is. Throws Failed
  // for the first that cannot be, whose step is then the last one and still running. One that the
  // locker does not have is a failure, unless it is optional: then it is not on disk either.
  void fetch(const std::vector<support::Spec>& specs, std::vector<Step>& steps);

  // What fetch would do, and which scripts it would bring, where there are none on disk.
  void plan(const support::Spec& spec, std::vector<Step>& steps) const;

 private:
  bool has_blobs(const std::string& prefix) const;
  Step step_of(const FetchedSpec& fetched) const;
  void finish(const FetchedSpec& fetched, Step& step) const;
  [[noreturn]] void fail_missing(const support::Spec& spec) const;

  const Storage& storage_;
  Narrator& narrator_;
  std::string directory_, home_;
  bool wants_chef_;
  Announce announce_;
};

}  // namespace jetpack::converge
