// What follows from the outcomes of a cycle: records, conditions, and the request to terminate.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include <jetpack/call.hpp>
#include <jetpack/session.hpp>
#include "healthcheck/cycle.hpp"
#include "healthcheck/health_file.hpp"
#include "support/log_file.hpp"

namespace jetpack::healthcheck {

class Consequences {
 public:
  // `now` is ISO 8601. All must outlive it.
  Consequences(const Call& call, const Settings& settings, Health& health, std::string now);

  void record(const std::string& name, const Outcome& outcome);
  // The check was not run this time: what is known of it stays.
  void keep(const std::string& name) { kept_.insert(name); }

  // After all have been recorded: tells the cluster. What fails is reported and tried again in the
  // next cycle.
  void draw();

 private:
  // The name of the check whose request is to be passed on, or "".
  std::string check_that_asks() const;
  bool is_kept_alive() const;
  bool is_waiting(const Session& session) const;
  bool is_recent() const;
  void withdraw();
  void request_termination();
  void send_termination(const std::string& name);
  void report_conditions();
  // Once something could not be delivered the rest is only queued.
  std::optional<std::chrono::milliseconds> wait() const;
  std::string noted(const Receipt& receipt);
  void report(const std::string& text) const;

  const Call& call_;
  const Settings& settings_;
  Health& health_;
  std::string now_;
  support::LogFile log_;
  std::set<std::string> seen_, kept_;
  bool is_queueing_ = false;
};

// The reason that is sent to the server: which check, its exit code, for how long, and what it said last.
std::string termination_reason(const std::string& name, const Record& record,
                               const std::string& now);

}  // namespace jetpack::healthcheck
