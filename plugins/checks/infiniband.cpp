// InfiniBand ports that are not active, or that lose their link again and again.
#include <algorithm>
#include <map>
#include <utility>

#include <jetpack/error.hpp>
#include "checks/checks_of_machine.hpp"
#include "checks/findings.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::checks {

namespace {

constexpr unsigned state_mode = 0640;
constexpr size_t most_losses = 100;  // kept of a port

struct Port {
  std::string title;     // "mlx5_0/1"
  std::string state;     // "ACTIVE"
  std::string physical;  // "LinkUp"
  std::string rate;
  int64_t link_downed = 0;
};

// What is known of a port from earlier runs: its counter, and when it had risen, by the uptime.
struct History {
  int64_t link_downed = 0;
  std::vector<int64_t> losses_ms;
};
using Histories = std::map<std::string, History>;

// "4: ACTIVE" as "ACTIVE".
std::string word_of(const std::string& text) {
  const size_t colon = text.find(": ");
  return colon == std::string::npos ? text : text.substr(colon + 2);
}

// Those of InfiniBand; a port that speaks Ethernet is the network's business.
std::vector<Port> ports_of(const Machine& machine) {
  const std::string devices = "/sys/class/infiniband";
  std::vector<Port> ports;
  for (const auto& device : machine.names(devices)) {
    std::string directory = devices;
    directory.append("/").append(device).append("/ports");
    for (const auto& number : machine.names(directory)) {
      std::string port = directory;
      port.append("/").append(number);
      std::string title = device;
      title.append("/").append(number);
      const auto text = [&](const char* name) { return machine.text(port + name).value_or(""); };
      if (text("/link_layer") != "InfiniBand") continue;
      ports.push_back({std::move(title), word_of(text("/state")), word_of(text("/phys_state")),
                       text("/rate"), machine.number(port + "/counters/link_downed").value_or(0)});
    }
  }
  return ports;
}

// The state of another boot says nothing, as does one that is damaged or not ours: the file is shared.
Histories read_histories(const std::string& file, const std::string& boot) {
  Histories histories;
  try {
    const auto text = support::read_file(file, 1 << 20, support::Sharing::shared);
    if (!text) return histories;
    const auto document = support::parse_json(*text, file);
    if (support::text_or(document, "boot", "") != boot) return histories;
    const auto* ports = support::find_member(document, "infiniband");
    if (ports == nullptr || !ports->IsObject()) return histories;
    for (const auto& [name, value] : ports->GetObject()) {
      History history;
      history.link_downed = static_cast<int64_t>(support::number_or(value, "link_downed", 0));
      if (const auto* losses = support::find_member(value, "losses_ms");
          losses != nullptr && losses->IsArray())
        for (const auto& loss : losses->GetArray())
          if (loss.IsInt64() && history.losses_ms.size() < most_losses)
            history.losses_ms.push_back(loss.GetInt64());
      histories[std::string(support::text_of(name))] = std::move(history);
    }
  } catch (const Error&) {
    return {};
  }
  return histories;
}

void write_histories(const std::string& file, const std::string& boot, const Histories& histories) {
  const std::string text = support::json_object([&](support::Object& json) {
    json.text("boot", boot).object("infiniband", [&](support::Object& ports) {
      for (const auto& [name, history] : histories)
        ports.object(name, [&, known = history](support::Object& port) {
          port.number("link_downed", known.link_downed)
              .list(
                  "losses_ms", known.losses_ms,
                  [](support::JsonWriter& json_writer, int64_t loss) { json_writer.Int64(loss); });
        });
    });
  });
  support::write_durably(file, text, state_mode);
}

// Adds what the counter has risen by since the last run, and forgets what is older than the window.
void update(History& history, const Port& port, int64_t now_ms, int64_t window_ms, bool is_known) {
  const int64_t risen = is_known ? port.link_downed - history.link_downed : 0;
  for (int64_t i = 0; i < risen && history.losses_ms.size() < most_losses; ++i)
    history.losses_ms.push_back(now_ms);
  history.link_downed = port.link_downed;
  std::erase_if(history.losses_ms,
                [&](int64_t loss) { return loss > now_ms || now_ms - loss > window_ms; });
}

}  // namespace

Verdict check_infiniband(const Machine& machine, const Limits& limits,
                         const std::string& state_file) {
  const auto ports = ports_of(machine);
  if (ports.empty() && limits.infiniband_ports == 0) return Verdict::healthy("no InfiniBand port");
  Findings findings;
  const std::string boot = machine.text("/proc/sys/kernel/random/boot_id").value_or("");
  const Histories known = read_histories(state_file, boot);
  Histories next;
  int64_t active = 0;
  for (const auto& port : ports) {
    const bool is_active = port.state == "ACTIVE";
    if (is_active) ++active;
    // A port that is switched off on purpose counts only when a number of ports is demanded.
    if (!is_active && limits.infiniband_ports == 0 && port.physical != "Disabled")
      findings.fail("port " + port.title + " is " + port.state + " (" + port.physical +
                    "); check the cable and the subnet manager");
    const auto found = known.find(port.title);
    History history = found == known.end() ? History{} : found->second;
    update(history, port, machine.uptime().count(), limits.kernel_window.count(),
           found != known.end());
    const auto losses = static_cast<int64_t>(history.losses_ms.size());
    if (losses >= limits.infiniband_flaps)
      findings.warn("port " + port.title + " lost its link " + std::to_string(losses) +
                    " times within " + std::to_string(limits.kernel_window.count() / 60'000) +
                    " min; check the cable");
    next[port.title] = std::move(history);
  }
  if (active < limits.infiniband_ports)
    findings.fail(std::to_string(active) + " InfiniBand ports are active, expected " +
                  std::to_string(limits.infiniband_ports));
  write_histories(state_file, boot, next);
  return findings.verdict(std::to_string(active) + " ports are active", limits.may_terminate);
}

}  // namespace jetpack::checks
