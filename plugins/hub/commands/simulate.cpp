// The commands `hub simulate ...`: what happens in the simulated Azure.
#include <string>
#include <utility>
#include <vector>

#include "azure/simulation_file.hpp"
#include "commands/commands.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "common/text.hpp"
#include "support/json.hpp"
#include "support/random.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t usual_length = 10'000;  // milliseconds that an event stays Started
constexpr int64_t usual_delay = 5000;

SimulationFile simulation_of(const Call& call) {
  const DataDirectory data{std::filesystem::absolute(data_option(call))};
  SimulationFile file(data);
  if (!file.exists())
    throw Error(Errc::not_found,
                "no simulated Azure found in " + data.root.string() +
                    "\nStart the hub with --simulate-azure, and give its directory with --data.");
  return file;
}

int64_t milliseconds_or(const Call& call, const char* option, int64_t fallback) {
  const auto given = call.duration(option);
  return given ? given->count() : fallback;
}

// Adds to each event, for a table, the names of its nodes.
void add_node_texts(rapidjson::Document& simulation) {
  auto& pool = simulation.GetAllocator();
  for (auto& event : simulation["events"].GetArray()) {
    std::string names;
    for (const auto& name : event["resources"].GetArray())
      names.append(names.empty() ? "" : " ").append(support::text_of(name));
    event.AddMember("nodes", rapidjson::Value(names.c_str(), pool), pool);
  }
}

}  // namespace

int simulate_event(const Call& call) {
  const SimulationFile file = simulation_of(call);
  ScheduledEvent event;
  event.id = support::random_uuid();
  event.type = text_option(call, "type");
  event.source = text_option(call, "source");
  event.description = text_option(call, "description");
  for (const auto name : call.texts("NAME")) {
    if (!is_name(name))
      throw Error(Errc::usage, "'" + support::one_line(name) + "' is not a valid node name");
    event.resources.emplace_back(name);
  }
  event.not_before = now_ms() + milliseconds_or(call, "in", notice_of(event.type));
  event.has_duration = call.given("lasts");
  event.lasts = milliseconds_or(call, "lasts", usual_length);
  file.update([&](Simulation& simulation) { schedule(simulation, event); });
  return print_result(
      call, {"schedule", "event", event.id, "Scheduled " + event.type + ": event " + event.id});
}

int simulate_cancel(const Call& call) {
  const std::string id = text_option(call, "EVENT");
  bool is_known = false;
  simulation_of(call).update([&](Simulation& simulation) { is_known = cancel(simulation, id); });
  if (!is_known) throw Error(Errc::not_found, "event '" + support::one_line(id) + "' not found");
  return print_result(call, {"cancel", "event", id, "Canceled event " + id});
}

int simulate_fault(const Call& call) {
  Fault fault;
  fault.kind = text_option(call, "KIND");
  fault.on = text_option(call, "on");
  if (const auto span = call.duration("for")) fault.until = now_ms() + span->count();
  fault.count = call.integer("count").value_or(fault.until == 0 ? 1 : 0);
  fault.delay = milliseconds_or(call, "delay", fault.kind == "slow" ? usual_delay : 0);
  simulation_of(call).update([&](Simulation& simulation) { simulation.faults.push_back(fault); });
  return print_result(call, {"fault", "kind", fault.kind, "Added fault " + fault.kind});
}

int simulate_clear(const Call& call) {
  simulation_of(call).update([](Simulation& simulation) { simulation.faults.clear(); });
  return print_result(call, {"clear", "what", "faults", "Removed all faults"});
}

int simulate_list(const Call& call) {
  std::string text;
  simulation_of(call).update([&](const Simulation& simulation) { text = to_text(simulation); });
  auto simulation = support::parse_json(text, "the simulation");
  if (call.flag("json")) {
    print_json(call, simulation);
    return 0;
  }
  add_node_texts(simulation);
  show_list(call, list_in(simulation, "events"),
            {{"EVENT", "id"},
             {"TYPE", "type"},
             {"STATUS", "status"},
             {"NODES", "nodes"},
             {"NOT BEFORE", "not_before", true},
             {"DESCRIPTION", "description"}},
            "No events.");
  show_list(call, list_in(simulation, "faults"),
            {{"FAULT", "kind"}, {"ON", "on"}, {"LEFT", "count"}, {"UNTIL", "until", true}},
            "No faults.");
  return 0;
}

}  // namespace jetpack::hub
