// run/health.json: what the checks of this node have shown, and what was done about it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <jetpack/config.hpp>
#include "healthcheck/checks.hpp"

namespace jetpack::healthcheck {

// One check. Times are ISO 8601, empty: never.
struct Record {
  Outcome last;
  std::string ran;            // when it was last run
  std::string since;          // since when its state has been what it is
  std::string failing_since;  // since when it has not passed
  int64_t strikes = 0;        // how often in a row it asked for the end of the node
  int64_t passes = 0;         // how often in a row it has passed
  std::string reported;  // status and message of the condition that the cluster knows; empty: OK
};

// The request to terminate this node that was made last.
struct Termination {
  std::string check;
  std::string reason;
  std::string requested;
  std::string boot;   // support::boot_id() then
  std::string id;     // of the message, as in the outbox
  std::string error;  // why it could not even be queued
};

// A change.
struct Event {
  std::string time;
  std::string check;
  // A State, "termination requested", "termination withdrawn", "termination failed", "kept alive".
  std::string what;
  std::string message;
};

struct Health {
  std::string started;  // the last cycle
  int64_t elapsed_ms = 0;
  std::map<std::string, Record> checks;
  std::optional<Termination> termination;
  std::vector<Event> history;  // oldest first

  // Adds an event, with its message cut, and forgets the oldest beyond the limit.
  void note(const std::string& time, const std::string& check, const std::string& what,
            const std::string& message);
};

std::string health_path(const Config& config);

// Empty when there is none. Throws Errc::corrupt.
Health read_health(const std::string& path);

// Throws as support::write_durably.
void write_health(const std::string& path, const Health& health);

// The state of each check for Prometheus, in its text format.
std::string metrics_of(const Health& health);

// The state to show: also of a check that has never run.
std::string shown_state(const Record& record);

// The members of a check for people and callers, without what only the next cycle needs.
std::string checks_as_json(const Health& health);
std::string history_as_json(const Health& health);

}  // namespace jetpack::healthcheck
