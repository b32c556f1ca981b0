// What the simulated Azure knows: scheduled events and the faults of its metadata service.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::hub {

// Times are Unix milliseconds.
struct ScheduledEvent {
  std::string id, type, description, source;
  std::vector<std::string> resources;  // names of nodes
  int64_t not_before = 0;
  int64_t lasts = 0;    // milliseconds from its start to its end
  int64_t started = 0;  // 0: still scheduled
  bool has_duration = false;
};

// One element of a StartRequests that was received.
struct StartRequest {
  std::string event;
  int64_t time = 0;
  std::string result;  // "started", "repeated" or "refused"
};

// Something that goes wrong, from now on.
struct Fault {
  std::string kind;
  std::string on;     // "all", "instance", "identity", "scheduledevents" or "startrequests"
  int64_t until = 0;  // 0: no limit
  int64_t count = 0;  // how many requests are left; 0: no limit
  int64_t delay = 0;  // milliseconds before the response
};

struct Simulation {
  int64_t incarnation = 1;  // of the document of events: rises with each change
  std::vector<ScheduledEvent> events;
  std::vector<StartRequest> requests;  // the newest, oldest first
  std::vector<Fault> faults;
};

// How long before the event Azure gives notice of one, by its type.
int64_t notice_of(std::string_view type);

void schedule(Simulation& simulation, ScheduledEvent event);
// False when there is no such event.
bool cancel(Simulation& simulation, std::string_view id);
// Starts and ends the events whose time has come, and drops faults that are over.
void advance(Simulation& simulation, int64_t now);
// Starts the events, or none of them: false when one is unknown.
bool start(Simulation& simulation, std::span<const std::string> ids, int64_t now);
// The fault that a request for `what` has, which uses it up.
std::optional<Fault> take_fault(Simulation& simulation, std::string_view what);

// The document of scheduled events, as a version of the API ("2020-07-01") has it.
std::string events_document(const Simulation& simulation, std::string_view version);

}  // namespace jetpack::hub
