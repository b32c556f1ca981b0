// `jetpack doctor`: what is wrong with this node, why, and what to do about it.
#include <poll.h>

#include <array>
#include <cstdlib>

#include <jetpack/plugin.hpp>
#include "doctor/areas.hpp"
#include "doctor/report.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"
#include "support/text.hpp"

namespace jetpack::doctor {

namespace {

// Names the one area that a process started by another doctor examines.
constexpr const char* area_variable = "JETPACK_DOCTOR_AREA";
constexpr size_t severity_width = 9, area_width = 15;

constexpr std::array all_areas{
    Area{"configuration", examine_configuration},
    Area{"server", examine_server, true},
    Area{"broker", examine_broker, true},
    Area{"locker", examine_locker, true},
    Area{"tree", examine_tree},
    Area{"disk", examine_disk},
    Area{"outbox", examine_outbox, true},
    Area{"daemons", examine_daemons},
    Area{"units", examine_units},
    Area{"plugins", examine_plugins},
    Area{"leftovers", examine_leftovers},
};

// An area that is examined by a process of its own: whatever hangs there delays no other, and is
// killed.
class Examination {
 public:
  Examination(const Call& call, const Area& area) : area_(area), is_fixing_(call.flag("fix")) {
    ProcessSpec spec{{support::program_path(), "doctor", "--json"}};
    if (is_fixing_) spec.argv.emplace_back("--fix");
    spec.env = {std::string(area_variable) + '=' + std::string(area.name)};
    spec.deadline = is_fixing_ ? area_time_to_fix : area_time;
    spec.grace = kill_time;
    spec.capture_bytes = 4 << 20;
    process_.emplace(call.service<Process>().start(std::move(spec)));
  }

  Report wait() {
    std::optional<ProcessResult> result;
    while (!(result = process_->result())) {
      pollfd event{process_->descriptor(), POLLIN, 0};
      ::poll(&event, 1, -1);
    }
    Report report(area_.name, is_fixing_);
    if (result->timed_out) {
      report_hang(report);
      return report;
    }
    try {
      report.add(support::parse_json(result->out, "the report on " + std::string(area_.name)));
    } catch (const Error& e) {
      report.skipped(support::one_line(support::trimmed(result->err)) + ' ' + e.what());
    }
    return report;
  }

 private:
  void report_hang(Report& report) const {
    const std::string text = "no answer within " + std::to_string(area_time.count() / 1000) + " s";
    if (area_.name == "locker")
      report.found("locker-unreachable", text);
    else if (area_.name == "server" || area_.name == "broker")
      report.found(
          std::string(area_.name) + (area_.name == "server" ? "-no-answer" : "-unreachable"), text);
    else
      report.found("check-timed-out", std::string(area_.name) + ": " + text);
  }

  const Area& area_;
  bool is_fixing_;
  std::optional<RunningProcess> process_;
};

std::string line(std::string_view word, std::string_view area, const std::string& text) {
  return support::padded(std::string(word), severity_width) +
         support::padded(std::string(area), area_width) + support::one_line(text) + '\n';
}

std::string continued(const std::string& text) { return line("", "", text); }

std::string to_text(const Report& report) {
  std::string text;
  for (const auto& finding : report.findings()) {
    text += line(finding.is_fixed ? "fixed" : support::name_of(finding.what->severity),
                 report.area(), std::string(finding.what->id) + ": " + finding.evidence);
    if (finding.is_fixed) {
      text += continued(finding.fix);
      continue;
    }
    text += continued(std::string(finding.what->cause));
    text += continued("-> " + std::string(finding.what->remedy));
    if (!finding.fix_error.empty())
      text += continued("not fixed: " + finding.fix + ": " + finding.fix_error);
    else if (!finding.fix.empty())
      text += continued("--fix would run: " + finding.fix);
  }
  for (const auto& skipped : report.skipped()) text += line("skipped", report.area(), skipped);
  if (!text.empty()) return text;
  std::string passed;
  for (const auto& check : report.passed()) passed += (passed.empty() ? "" : "; ") + check;
  return line("ok", report.area(), passed);
}

size_t count_of(const std::vector<Report>& reports, support::Severity severity) {
  size_t count = 0;
  for (const auto& report : reports)
    for (const auto& finding : report.findings())
      if (!finding.is_fixed && finding.what->severity == severity) ++count;
  return count;
}

std::string summary(const std::vector<Report>& reports) {
  const auto counted = [&](support::Severity severity) {
    const size_t count = count_of(reports, severity);
    return std::to_string(count) + ' ' + std::string(support::name_of(severity)) +
           (count == 1 ? "" : "s");
  };
  return counted(support::Severity::error) + ", " + counted(support::Severity::warning) + '\n';
}

// Shows on a terminal what is being examined; the line is replaced by the next.
void show_progress(const Call& call, std::string_view area) {
  if (!call.err_is_terminal() || call.flag("json")) return;
  call.report("\r\033[K" + (area.empty() ? "" : "checking " + std::string(area) + " ..."));
}

// All areas at once, in the order of the list.
std::vector<Report> examine_all(const Call& call) {
  std::vector<Report> reports;
  reports.reserve(all_areas.size());
  const auto take = [&](Report report) {
    show_progress(call, "");
    if (!call.flag("json")) call.print(to_text(report));
    reports.push_back(std::move(report));
  };
  std::vector<std::optional<Examination>> running(all_areas.size());
  const auto start = [&](bool needs_configuration) {
    for (size_t i = 0; i < all_areas.size(); ++i)
      if (all_areas[i].needs_configuration == needs_configuration)
        running[i].emplace(call, all_areas[i]);
  };
  start(false);
  for (size_t i = 0; i < all_areas.size(); ++i) {
    show_progress(call, all_areas[i].name);
    if (running[i]) {
      take(running[i]->wait());
      if (i == 0 && !reports.front().has_error()) start(true);
      continue;
    }
    Report report(all_areas[i].name, false);
    report.skipped("the configuration cannot be used");
    take(std::move(report));
  }
  return reports;
}

std::string to_json(const std::vector<Report>& reports, bool is_ok) {
  return support::shown_json(support::json_object([&](support::Object& json) {
    json.boolean("ok", is_ok)
        .number("errors", count_of(reports, support::Severity::error))
        .number("warnings", count_of(reports, support::Severity::warning))
        .list("areas", reports, [](support::JsonWriter& writer, const Report& report) {
          const std::string text = report.to_json();
          writer.RawValue(text.data(), text.size(), rapidjson::kObjectType);
        });
  }));
}

int list_ids(const Call& call) {
  if (call.flag("json")) {
    const auto add = [](support::JsonWriter& writer, const support::Diagnosis& known) {
      support::Object(writer)
          .text("id", known.id)
          .text("area", known.area)
          .text("severity", support::name_of(known.severity))
          .text("cause", known.cause)
          .text("remedy", known.remedy);
    };
    call.print(support::shown_json(support::json_array(support::diagnoses(), add)));
    return 0;
  }
  for (const auto& known : support::diagnoses())
    call.print(support::padded(std::string(known.id), 27) + std::string(known.cause) + '\n');
  return 0;
}

int examine_one(const Call& call, std::string_view name) {
  for (const auto& area : all_areas) {
    if (area.name != name) continue;
    Report report(area.name, call.flag("fix"));
    area.examine(call, report);
    call.print(report.to_json());
    return 0;
  }
  throw Error(Errc::usage, "unknown area '" + std::string(name) + '\'');
}

int doctor(const Call& call) {
  if (call.flag("ids")) return list_ids(call);
  if (const char* area = std::getenv(area_variable)) return examine_one(call, area);
  const auto reports = examine_all(call);
  const bool is_ok = count_of(reports, support::Severity::error) == 0;
  call.print(call.flag("json") ? to_json(reports, is_ok) : summary(reports));
  return is_ok ? 0 : 1;
}

}  // namespace

}  // namespace jetpack::doctor

JETPACK_PLUGIN(
    "jetpack.doctor", "1.0.0",
    jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Process, jetpack::Storage>(),
    jetpack::command(
        "doctor", "Find out what is wrong with this node", jetpack::doctor::doctor,
        jetpack::flag("fix", "Fix what is safe to fix; needs root"),
        jetpack::flag("json", "Print JSON"),
        jetpack::flag("ids", "List the ids of all findings, and exit"),
        jetpack::description(
            "Examines the configuration, the connection to the server and the broker step by step "
            "(name, port, proxy, TLS, credentials, clock), the locker and how long its signature "
            "is "
            "valid, owners and modes of the home tree, disk, outbox, daemons, systemd units, "
            "plugins, and what an older Jetpack has left. Everything is examined at the same time "
            "and takes at most 5 seconds, even when nothing answers.\n\n"
            "Each finding has an id, by which docs/troubleshooting.md lists it, what was found, "
            "and "
            "what to do. --fix creates missing directories, corrects their owners and modes, and "
            "restarts a unit that has failed; it says what it did and removes nothing.\n\n"
            "Exits 1 when an error was found that is not fixed, otherwise 0, even with warnings."),
        jetpack::example("jetpack doctor", "Find out what is wrong"),
        jetpack::example("sudo jetpack doctor --fix", "Fix what is safe to fix"),
        jetpack::example("jetpack doctor --json | jq -r '.areas[].findings[].id'",
                         "Print the ids of what was found")));
