// Server, broker and locker.
#include <algorithm>

#include <jetpack/plugin.hpp>
#include "doctor/areas.hpp"
#include "support/connection_steps.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/times.hpp"

namespace jetpack::doctor {

namespace {

constexpr uint64_t max_description = 64 << 10;
constexpr std::chrono::hours soon{24};

using Check = void (*)(const Session&, std::chrono::milliseconds, const support::ReportStep&);

void examine_connection(const Call& call, Report& report, Check check) {
  try {
    check(call.service<Session>(), connection_time, [&](const support::ConnectionStep& step) {
      if (step.problem == nullptr)
        report.passed(step.name + ": " + step.found);
      else
        report.found(step.problem->id, step.found);
    });
  } catch (const Error& e) {
    report.skipped(e.what());
  }
}

struct Sas {
  bool is_from_server = false;
  std::optional<support::SystemTime> end;
};

// What config/locker.json says of how long its signature is valid.
Sas sas_of(const rapidjson::Value& description) {
  Sas sas;
  const auto* origin = support::find_member(description, "from_server");
  sas.is_from_server = origin != nullptr && origin->IsTrue();
  std::string end = support::text_or(description, "expires", "");
  std::string query = support::text_or(description, "sas", "");
  if (query.empty()) {
    const std::string url = support::text_or(description, "url", "");
    query = url.substr(std::min(url.find('?'), url.size()));
  }
  query = '&' + query.substr(query.starts_with('?') ? 1 : 0);
  if (const size_t at = query.find("&se="); at != std::string::npos)
    end =
        support::percent_decoded_leniently(query.substr(at + 4, query.find('&', at + 4) - at - 4));
  sas.end = support::parse_iso_8601(end);
  return sas;
}

// Whether there is a point in asking the locker.
bool examine_sas(const Sas& sas, Report& report) {
  if (!sas.end) return true;
  const auto left = *sas.end - support::SystemTime(std::chrono::system_clock::now());
  const std::string when = support::iso_8601_seconds(*sas.end);
  if (left.count() <= 0 && !sas.is_from_server) {
    report.found("sas-expired", "config/locker.json: the signature ended at " + when);
    return false;
  }
  if (left < soon && !sas.is_from_server)
    report.found("sas-expiring", "config/locker.json: the signature ends at " + when);
  else
    report.passed("the signature is valid until " + when +
                  (sas.is_from_server ? ", and renewed by the server" : ""));
  return true;
}

std::string_view problem_of(const Error& error, bool has_file) {
  switch (error.code()) {
    case Errc::denied:
      return "locker-denied";
    case Errc::corrupt:
    case Errc::usage:
      return "locker-invalid";
    case Errc::not_found:
      return has_file ? "locker-unreachable" : "locker-missing";
    default:
      return "locker-unreachable";
  }
}

}  // namespace

void examine_server(const Call& call, Report& report) {
  examine_connection(call, report, support::check_server);
}

void examine_broker(const Call& call, Report& report) {
  examine_connection(call, report, support::check_broker);
}

void examine_locker(const Call& call, Report& report) {
  const std::string path = call.service<Config>().path("config/locker.json");
  bool has_file = false;
  try {
    if (const auto text = support::read_file(path, max_description)) {
      has_file = true;
      const auto description = support::parse_json(*text, path);
      if (!examine_sas(sas_of(description), report)) return;
    }
    const auto storage = call.service<Storage>();
    storage.list("projects/", [](std::string_view) { return false; });
    report.passed(storage.locker() + " can be listed");
  } catch (const Error& e) {
    // Without a file it was the server that failed, which is a finding of its own.
    if (!has_file && e.code() == Errc::unavailable)
      report.skipped(e.what());
    else
      report.found(problem_of(e, has_file), e.what());
  }
}

}  // namespace jetpack::doctor
