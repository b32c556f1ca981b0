// The file azure.json, in which the simulation survives the hub, and through which commands
// change it.
#include "azure/simulation_file.hpp"

#include <filesystem>

#include "common/json.hpp"
#include "common/text.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

constexpr uint64_t max_file = 16 << 20;

// Calls read(element) for each element of the list `name`.
template <class Read>
void each(const rapidjson::Value& object, const char* name, Read read) {
  const auto* list = support::find_member(object, name);
  if (list == nullptr || !list->IsArray()) return;
  for (const auto& element : list->GetArray()) read(element);
}

int64_t number_in(const rapidjson::Value& object, const char* name) {
  return static_cast<int64_t>(support::number_or(object, name, 0));
}

ScheduledEvent read_event(const rapidjson::Value& from) {
  ScheduledEvent event;
  event.id = support::text_or(from, "id", "");
  event.type = support::text_or(from, "type", "");
  event.description = support::text_or(from, "description", "");
  event.source = support::text_or(from, "source", "");
  each(from, "resources", [&](const rapidjson::Value& name) {
    if (support::is_string(name)) event.resources.emplace_back(support::text_of(name));
  });
  event.not_before = number_in(from, "not_before_ms");
  event.lasts = number_in(from, "lasts_ms");
  event.started = number_in(from, "started_ms");
  const auto* duration = support::find_member(from, "has_duration");
  event.has_duration = duration != nullptr && duration->IsTrue();
  return event;
}

Simulation read_simulation(const rapidjson::Value& from) {
  Simulation simulation;
  simulation.incarnation = static_cast<int64_t>(support::number_or(from, "incarnation", 1));
  each(from, "events",
       [&](const rapidjson::Value& event) { simulation.events.push_back(read_event(event)); });
  each(from, "start_requests", [&](const rapidjson::Value& request) {
    simulation.requests.push_back({support::text_or(request, "event", ""),
                                   number_in(request, "time_ms"),
                                   support::text_or(request, "result", "")});
  });
  each(from, "faults", [&](const rapidjson::Value& fault) {
    simulation.faults.push_back({support::text_or(fault, "kind", ""),
                                 support::text_or(fault, "on", "all"), number_in(fault, "until_ms"),
                                 number_in(fault, "count"), number_in(fault, "delay_ms")});
  });
  return simulation;
}

void write_scheduled(support::JsonWriter& writer, const ScheduledEvent& event) {
  support::Object(writer)
      .text("id", event.id)
      .text("type", event.type)
      .text("status", event.started != 0 ? "Started" : "Scheduled")
      .texts("resources", event.resources)
      .text("description", event.description)
      .text("source", event.source)
      .time("not_before", event.not_before)
      .number("not_before_ms", event.not_before)
      .number("lasts_ms", event.lasts)
      .number("started_ms", event.started)
      .boolean("has_duration", event.has_duration);
}

void write_request(support::JsonWriter& writer, const StartRequest& request) {
  support::Object(writer)
      .text("event", request.event)
      .text("result", request.result)
      .time("time", request.time)
      .number("time_ms", request.time);
}

void write_fault(support::JsonWriter& writer, const Fault& fault) {
  support::Object(writer)
      .text("kind", fault.kind)
      .text("on", fault.on)
      .time("until", fault.until)
      .number("until_ms", fault.until)
      .number("count", fault.count)
      .number("delay_ms", fault.delay);
}

}  // namespace

bool SimulationFile::exists() const { return std::filesystem::exists(path_); }

void SimulationFile::update(const std::function<void(Simulation&)>& change) const {
  const auto lock = support::FileLock::wait(path_ + ".lock", 0600);
  const auto before = support::read_file(path_, max_file);
  const auto document = before ? parse_object(*before) : std::nullopt;
  if (before && !document) support::move_aside(path_);
  Simulation simulation = document ? read_simulation(*document) : Simulation{};
  advance(simulation, now_ms());
  change(simulation);
  const std::string now = to_text(simulation) + '\n';
  if (now != before) support::write_durably(path_, now, 0600);
}

std::string to_text(const Simulation& simulation) {
  return support::json_object([&](support::Object& object) {
    object.number("incarnation", simulation.incarnation)
        .list("events", simulation.events, write_scheduled)
        .list("start_requests", simulation.requests, write_request)
        .list("faults", simulation.faults, write_fault);
  });
}

}  // namespace jetpack::hub
