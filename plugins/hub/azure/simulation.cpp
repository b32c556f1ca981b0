// What the simulated Azure knows: scheduled events and the faults of its metadata service.
#include "azure/simulation.hpp"

#include <algorithm>
#include <utility>

#include "support/json_writer.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_requests = 10'000;
constexpr int64_t ms = 1000;
constexpr int64_t minute = 60 * ms;

void remember(Simulation& simulation, StartRequest request) {
  auto& requests = simulation.requests;
  requests.push_back(std::move(request));
  if (requests.size() > max_requests)
    requests.erase(requests.begin(), requests.end() - max_requests);
}

ScheduledEvent* find_event(Simulation& simulation, std::string_view id) {
  const auto found = std::find_if(simulation.events.begin(), simulation.events.end(),
                                  [&](const ScheduledEvent& event) { return event.id == id; });
  return found == simulation.events.end() ? nullptr : &*found;
}

void begin(Simulation& simulation, ScheduledEvent& event, int64_t now) {
  event.started = now;
  ++simulation.incarnation;
}

// The version of the API that has the type of event first.
std::string_view version_with(std::string_view type) {
  if (type == "Preempt") return "2017-11-01";
  if (type == "Terminate") return "2019-01-01";
  return "";
}

void write_event(support::JsonWriter& writer, const ScheduledEvent& event,
                 std::string_view version) {
  constexpr std::string_view with_description = "2019-04-01";
  constexpr std::string_view with_source = "2019-08-01";
  constexpr std::string_view with_duration = "2020-07-01";
  support::Object object(writer);
  object.text("EventId", event.id)
      .text("EventStatus", event.started != 0 ? "Started" : "Scheduled")
      .text("EventType", event.type)
      .text("ResourceType", "VirtualMachine")
      .texts("Resources", event.resources)
      .text("NotBefore", event.started != 0
                             ? std::string()
                             : support::http_date(support::from_unix_ms(event.not_before)));
  if (version >= with_description) object.text("Description", event.description);
  if (version >= with_source) object.text("EventSource", event.source);
  if (version >= with_duration)
    object.number("DurationInSeconds", event.has_duration ? event.lasts / ms : int64_t{-1});
}

}  // namespace

int64_t notice_of(std::string_view type) {
  constexpr int64_t seconds_for_preemption = 30;
  if (type == "Preempt") return seconds_for_preemption * ms;
  if (type == "Terminate") return 5 * minute;
  if (type == "Redeploy") return 10 * minute;
  return 15 * minute;
}

void schedule(Simulation& simulation, ScheduledEvent event) {
  simulation.events.push_back(std::move(event));
  ++simulation.incarnation;
}

bool cancel(Simulation& simulation, std::string_view id) {
  const auto removed =
      std::erase_if(simulation.events, [&](const ScheduledEvent& event) { return event.id == id; });
  if (removed != 0) ++simulation.incarnation;
  return removed != 0;
}

void advance(Simulation& simulation, int64_t now) {
  for (auto& event : simulation.events)
    if (event.started == 0 && event.not_before <= now) begin(simulation, event, now);
  const auto ended = std::erase_if(simulation.events, [&](const ScheduledEvent& event) {
    return event.started != 0 && event.started + event.lasts <= now;
  });
  if (ended != 0) ++simulation.incarnation;
  std::erase_if(simulation.faults,
                [&](const Fault& fault) { return fault.until != 0 && fault.until <= now; });
}

bool start(Simulation& simulation, std::span<const std::string> ids, int64_t now) {
  const bool known = std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
    return find_event(simulation, id) != nullptr;
  });
  for (const auto& id : ids) {
    auto* event = find_event(simulation, id);
    const bool is_new = known && event->started == 0;
    if (is_new) begin(simulation, *event, now);
    remember(simulation, {id, now, is_new ? "started" : known ? "repeated" : "refused"});
  }
  return known;
}

std::optional<Fault> take_fault(Simulation& simulation, std::string_view what) {
  auto& faults = simulation.faults;
  const auto found = std::find_if(faults.begin(), faults.end(), [&](const Fault& fault) {
    return fault.on == "all" || fault.on == what;
  });
  if (found == faults.end()) return std::nullopt;
  Fault taken = *found;
  if (found->count != 0 && --found->count == 0) faults.erase(found);
  return taken;
}

std::string events_document(const Simulation& simulation, std::string_view version) {
  std::vector<ScheduledEvent> shown;
  std::copy_if(simulation.events.begin(), simulation.events.end(), std::back_inserter(shown),
               [&](const ScheduledEvent& event) { return version >= version_with(event.type); });
  return support::json_object([&](support::Object& object) {
    object.number("DocumentIncarnation", simulation.incarnation)
        .list("Events", shown, [&](support::JsonWriter& writer, const ScheduledEvent& event) {
          write_event(writer, event, version);
        });
  });
}

}  // namespace jetpack::hub
