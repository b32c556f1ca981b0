// The steps of a connection.
#include "support/connection_steps.hpp"

#include <cstdlib>
#include <vector>

#include "support/json.hpp"
#include "support/url.hpp"

namespace jetpack::support {

namespace {

constexpr int64_t most_skew_seconds = 300;

struct Known {
  std::string name;
  std::string found;  // when it works
};

// The step of its connection that a problem is of.
std::string step_of(std::string_view problem) {
  if (problem.starts_with("proxy-")) return "proxy";
  if (problem == "server-name") return "server name";
  if (problem == "server-port") return "server port";
  if (problem.starts_with("certificate-") || problem == "ca-file-invalid" ||
      problem == "tls-handshake")
    return "TLS";
  return "connection";
}

// Up to the answer.
std::vector<Known> steps_to(const rapidjson::Value& probe) {
  const std::string address = text_or(probe, "address", "");
  const Url url = parse_url(address, "the server's address");
  std::vector<Known> steps;
  if (const auto proxy = find_string(probe, "proxy")) {
    steps.push_back({"proxy", *proxy + " connects to " + url.host});
  } else {
    steps.push_back({"server name", url.host + " has an address"});
    steps.push_back({"server port", std::to_string(url.port) + " accepts connections"});
  }
  if (url.scheme == "https") steps.push_back({"TLS", "the certificate is trusted"});
  steps.push_back({"connection", address + " answers"});
  return steps;
}

ConnectionStep judge(uint64_t status) {
  if (status == 200 || status == 304)
    return {"credentials", "accepted; the server knows this node"};
  const std::string answer = "the server answered " + std::to_string(status);
  if (status == 401 || status == 407)
    return {"credentials", answer + ": wrong user name or password",
            &diagnosis("server-credentials")};
  if (status == 403)
    return {"credentials", answer + ": the account may not read this node's userdata",
            &diagnosis("server-forbidden")};
  if (status == 404)
    return {"identity", answer + ": unknown userdata id", &diagnosis("node-unknown")};
  return {"server", answer, &diagnosis("server-failed")};
}

ConnectionStep judge_clock(const rapidjson::Value& skew) {
  const int64_t seconds = skew.IsInt64() ? skew.GetInt64() : 0;
  if (std::abs(seconds) <= most_skew_seconds) return {"clock", "agrees with the server's"};
  return {"clock",
          "this node's clock is " + std::to_string(std::abs(seconds)) + " s " +
              (seconds > 0 ? "behind" : "ahead of") + " the server's",
          &diagnosis("clock-skew")};
}

void report_unverified(const rapidjson::Value& probe, const std::string& name,
                       const ReportStep& report) {
  const auto* verified = find_member(probe, "verified");
  if (verified != nullptr && verified->IsFalse())
    report({name, "the certificate of " + text_or(probe, "address", "") + " is not checked",
            &diagnosis("certificate-not-checked")});
}

}  // namespace

void check_server(const Session& session, std::chrono::milliseconds timeout,
                  const ReportStep& report) {
  const auto probe = parse_json(session.probe(JP_TO_SERVER, timeout), "the probe's result");
  const std::string problem = text_or(probe, "problem", "");
  const bool is_verified = !find_member(probe, "verified")->IsFalse();
  for (const auto& [name, found] : steps_to(probe)) {
    if (!problem.empty() && name == step_of(problem))
      return report({name, text_or(probe, "error", ""), &diagnosis(problem)});
    if (name == "TLS" && !is_verified)
      report_unverified(probe, name, report);
    else
      report({name, found});
  }
  // A step that this connection does not have.
  if (!problem.empty())
    return report({"connection", text_or(probe, "error", ""), &diagnosis(problem)});
  const ConnectionStep credentials = judge(number_or(probe, "status", 0));
  report(credentials);
  const auto* skew = find_member(probe, "clock_skew_seconds");
  if (skew != nullptr && !credentials.has_failed()) report(judge_clock(*skew));
}

void check_broker(const Session& session, std::chrono::milliseconds timeout,
                  const ReportStep& report) {
  if (session.identity("transport").value_or("https") != "amqp") return;
  if (!session.identity("broker"))
    return report({"broker", "the transport is amqp, but no broker is configured",
                   &diagnosis("broker-missing")});
  const auto probe = parse_json(session.probe(JP_TO_BROKER, timeout), "the probe's result");
  if (const auto problem = find_string(probe, "problem"))
    return report({"broker", text_or(probe, "error", ""), &diagnosis(*problem)});
  report_unverified(probe, "broker", report);
  report({"broker", text_or(probe, "address", "") + " accepts this node's login"});
}

}  // namespace jetpack::support
