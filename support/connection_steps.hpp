// The steps of a connection, one after the other: what `jetpack initialize` shows while it goes, and
// what `jetpack doctor` reports.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <jetpack/session.hpp>
#include "support/diagnosis.hpp"

namespace jetpack::support {

struct ConnectionStep {
  std::string name;  // "server port"
  std::string found;
  const Diagnosis* problem = nullptr;  // nullptr: it works

  bool has_failed() const { return problem != nullptr && problem->severity == Severity::error; }
};

using ReportStep = std::function<void(const ConnectionStep& step)>;

// Name, port, TLS, answer, credentials and clock of the server; or its proxy in place of the first
// two. After a step that has failed there is no other. Throws what Session::probe throws.
void check_server(const Session& session, std::chrono::milliseconds timeout,
                  const ReportStep& report);

// The broker, where messages go to one.
void check_broker(const Session& session, std::chrono::milliseconds timeout,
                  const ReportStep& report);

}  // namespace jetpack::support
