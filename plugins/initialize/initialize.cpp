// `jetpack initialize`: checks the connection to the cluster, then starts the services.
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include <jetpack/plugin.hpp>
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/log_file.hpp"
#include "support/node_configuration.hpp"
#include "support/settings.hpp"
#include "support/text.hpp"
#include "support/url.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;

// One thing that was checked.
struct Step {
  std::string name;
  bool is_ok = true;
  std::string found;
  std::string remedy;  // what to do when it failed
};

// Where the address of a server or broker leads.
support::Endpoint endpoint_of(std::string_view url) {
  const size_t scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, scheme_end);
  const unsigned usual_port = scheme == "http"    ? 80
                              : scheme == "amqp"  ? 5672
                              : scheme == "amqps" ? 5671
                                                  : 443;
  std::string_view authority = url.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find('/'));
  authority = authority.substr(authority.find('@') + 1);  // npos + 1 is 0
  return support::parse_endpoint(authority, usual_port, [&](const std::string& what) {
    throw Error(Errc::corrupt, std::string(url) + ' ' + what);
  });
}

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

// Connects to a numeric address; the errno that it failed with, or 0.
int try_to_connect(const std::string& address, unsigned port, milliseconds time) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return EADDRNOTAVAIL;
  const std::unique_ptr<addrinfo, FreeAddresses> target(found);
  const support::Fd fd(::socket(target->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno;
  if (::connect(fd.get(), target->ai_addr, target->ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd event{fd.get(), POLLOUT, 0};
  if (::poll(&event, 1, static_cast<int>(time.count())) == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t error_size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &error_size);
  return error;
}

// Checks step by step and stops at the first failure.
class Check {
 public:
  explicit Check(const Call& call)
      : call_(call),
        config_(call.service<jetpack::Config>()),
        session_(call.service<jetpack::Session>()),
        time_(*call.duration("timeout")) {}

  // Whether everything is fine.
  bool run() { return directories() && files() && settings() && server() && broker(); }

  const std::vector<Step>& steps() const { return steps_; }

 private:
  bool passed(std::string name, std::string found) {
    steps_.push_back({std::move(name), true, std::move(found), ""});
    return true;
  }
  bool failed(std::string name, std::string found, std::string remedy) {
    steps_.push_back({std::move(name), false, std::move(found), std::move(remedy)});
    return false;
  }

  bool directories() {
    for (const char* name : {"config", "logs", "run"}) {
      const std::string path = config_.path(name);
      const int mode = std::string_view(name) == "config" ? R_OK | X_OK : R_OK | W_OK | X_OK;
      if (::access(path.c_str(), mode) != 0)
        return failed("home", path + ": " + support::system_message(errno),
                      "create the directory, owned by root, with the group that uses jetpack; run "
                      "initialize as root");
    }
    return passed("home", config_.path(""));
  }

  bool files() {
    try {
      for (const char* fact : {"url", "cluster", "username"})
        if (!session_.identity(fact))
          return failed("configuration", "this node's " + std::string(fact) + " is not configured",
                        "enroll the node, or write url, username, password and cluster into " +
                            config_.path("config/connection.json"));
      url_ = *session_.identity("url");
      return passed("configuration", "cluster " + *session_.identity("cluster") + ", node " +
                                         session_.identity("node").value_or("unknown") +
                                         ", server " + url_);
    } catch (const Error& e) {
      return failed("configuration", e.what(),
                    "fix the file named there, or enroll the node again");
    }
  }

  // What is wrong with a setting is worth a line, and its default is used.
  bool settings() {
    for (const auto& problem : support::setting_problems(config_)) passed("settings", problem);
    return true;
  }

  bool server() {
    const auto id = session_.identity("userdata");
    jetpack::Request request;
    const std::string path = "/clusterlink/userdata/" + id.value_or("");
    request.path = path;
    request.timeout = time_;
    try {
      const auto reply = session_.request(request);
      passed("connection",
             url_ + " answers" + (url_.starts_with("https") ? " with a trusted certificate" : ""));
      return judge(reply.status);
    } catch (const Error& e) {
      // Through a proxy, neither the name nor the port need be reachable from here.
      if (!session_.identity("proxy") && !reaches("server", url_)) return false;
      return failed("connection", e.what(), remedy_for(e));
    }
  }

  bool judge(uint32_t status) {
    if (status == 200 || status == 304)
      return passed("credentials", "accepted; the server knows this node");
    const std::string answer = "the server answered " + std::to_string(status);
    if (status == 401 || status == 407)
      return failed("credentials", answer + ": wrong user name or password",
                    "enroll the node again, or fix username and password in " +
                        config_.path("config/connection.json"));
    if (status == 403)
      return failed("credentials", answer + ": the account may not read this node's userdata",
                    "check [identity] in " + config_.path("config/jetpack.ini") +
                        ", and ask the cluster's administrator which node the account is for");
    if (status == 404)
      return failed("identity", answer + ": unknown userdata id",
                    "check [identity] userdata_id or instance_id in " +
                        config_.path("config/jetpack.ini") + ", or enroll the node again");
    return failed("server", answer, "check the server's log, then try again");
  }

  // Messages may go to a broker instead of the server.
  bool broker() {
    if (session_.identity("transport").value_or("https") != "amqp") return true;
    const auto url = session_.identity("broker");
    if (!url)
      return failed("broker", "the transport is amqp, but no broker is configured",
                    "write [broker] url into " + config_.path("config/jetpack.ini"));
    return reaches("broker", *url) && passed("broker", *url + " accepts connections");
  }

  // Whether the name resolves and the port accepts connections.
  bool reaches(const std::string& what, const std::string& url) {
    const auto [host, port] = endpoint_of(url);
    const auto addresses = resolve(host);
    if (addresses.empty())
      return failed(what + " name", "host name " + host + " could not be resolved",
                    "check the name in the configuration and the DNS in /etc/resolv.conf");
    int error = 0;
    for (const auto& address : addresses) {
      error = try_to_connect(address, port, time_);
      if (error == 0) return true;
    }
    const std::string where =
        host + ", port " + std::to_string(port) + " (" + addresses.front() + ")";
    return failed(
        what + " port", where + ": " + support::system_message(error),
        error == ECONNREFUSED
            ? "nothing is listening there: start the server or fix the port in its address"
            : "check routes, firewalls and security groups between here and there");
  }

  // Numeric addresses: from getent, which can be given a deadline, unlike the resolver.
  std::vector<std::string> resolve(const std::string& host) const {
    jetpack::ProcessSpec spec{{"getent", "ahosts", host}};
    spec.deadline = time_;
    const auto result = call_.service<jetpack::Process>().run(spec);
    std::vector<std::string> addresses;
    for (std::string_view rest = result.out; !rest.empty();) {
      const std::string_view row = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(row.size() + 1, rest.size()));
      std::string address(row.substr(0, row.find(' ')));
      if (row.find("STREAM") != std::string_view::npos) addresses.push_back(std::move(address));
    }
    return addresses;
  }

  std::string remedy_for(const Error& failure) const {
    if (failure.code() == Errc::denied)
      return "put the CA certificate that signed the server's certificate into " +
             config_.path("config/ca.pem") +
             "; check that the address has the host name of the certificate, and this node's clock";
    return "check the server's log, and proxies between here and there";
  }

  const Call& call_;
  jetpack::Config config_;
  jetpack::Session session_;
  milliseconds time_;
  std::string url_;
  std::vector<Step> steps_;
};

// Starts the units, where systemd is running.
class Services {
 public:
  explicit Services(const Call& call) : call_(call) {}

  std::vector<Step> start() const {
    if (::access("/run/systemd/system", F_OK) != 0)
      return {{"services", true, "systemd is not running; start the daemon with: jetpackd &, and configure the node with: "
               "jetpack converge",
               ""}};
    return {enable("jetpackd"), enable("healthcheck"), enable("jetpack-converge")};
  }

 private:
  Step enable(const std::string& unit) const {
    jetpack::ProcessSpec spec{{"systemctl", "enable", "--now", unit}};
    spec.deadline = std::chrono::seconds(60);
    const auto result = call_.service<jetpack::Process>().run(spec);
    if (result.exit_code == 0) return {"services", true, unit + " is running", ""};
    if (result.err.find("does not exist") != std::string::npos)
      return {"services", true, unit + " is not installed as a service", ""};
    return {"services", false,
            "failed to start " + unit + ": " + support::one_line(support::trimmed(result.err)),
            "see: journalctl -u " + unit};
  }

  const Call& call_;
};

std::string to_json(const std::vector<Step>& steps, bool is_ok) {
  const auto add_step = [](support::JsonWriter& json, const Step& step) {
    support::Object object(json);
    object.text("name", step.name).boolean("ok", step.is_ok).text("found", step.found);
    if (!step.is_ok) object.text("remedy", step.remedy);
  };
  return support::shown_json(support::json_object([&](support::Object& result) {
    result.boolean("ok", is_ok).list("steps", steps, add_step);
  }));
}

// Writes the node's configuration: all of it, or what the node knows by itself.
std::vector<Step> configure(const Call& call, const support::LogFile& log, bool is_connected) {
  support::NodeConfiguration configuration(call, log);
  const std::string remedy = "see logs/initialize.log; run initialize as root";
  try {
    if (!is_connected) {
      configuration.update_facts(support::read_metadata(call.service<jetpack::Session>()));
      return {};
    }
    const auto fetched = configuration.refresh();
    configuration.run_ohai();
    if (!fetched.rejection.empty()) return {{"userdata", false, fetched.rejection, remedy}};
    return {{"userdata", true, "version " + fetched.version + " is in config/node.json", ""}};
  } catch (const Error& e) {
    if (is_connected) return {{"userdata", false, e.what(), remedy}};
    log.warning(std::string("cannot write what this node knows of itself: ") + e.what());
    return {};
  }
}

int initialize(const Call& call) {
  const support::LogFile log(call.service<jetpack::Config>().path("logs/initialize.log"));
  Check check(call);
  bool is_ok = check.run();
  std::vector<Step> steps = check.steps();
  for (auto& step : configure(call, log, is_ok)) {
    is_ok = is_ok && step.is_ok;
    steps.push_back(std::move(step));
  }
  if (is_ok) {
    call.service<jetpack::Session>().publish("installation", R"({"status":"running"})",
                                             call.duration("timeout"));
    if (!call.flag("no-start"))
      for (auto& step : Services(call).start()) steps.push_back(std::move(step));
  }
  const bool as_json = call.flag("json");
  for (const auto& step : steps) {
    is_ok = is_ok && step.is_ok;
    const std::string text = step.name + ": " + step.found;
    if (step.is_ok) {
      log.info(text);
      if (!as_json) call.print("ok      " + support::one_line(text) + '\n');
      continue;
    }
    log.error(text);
    log.error("Recommendation: " + step.remedy);
    if (!as_json)
      call.print("failed  " + support::one_line(text) + "\n        " +
                 support::one_line(step.remedy) + '\n');
  }
  if (as_json) call.print(to_json(steps, is_ok));
  return is_ok ? 0 : 1;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.initialize", "1.0.0",
    jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Process>(),
    jetpack::command(
        "initialize", "Check the connection to the cluster and start the services", initialize,
        jetpack::flag("no-start", "Start no services"),
        jetpack::option("timeout", "DURATION", "Time limit of each step")
            .duration()
            .fallback("10s"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Checks, one after the other, the home tree, the configuration, the name, port and "
            "certificate of the server, the credentials, and whether the server knows this node. "
            "At the first failure it prints what was found and what to do, and exits with 1. "
            "Otherwise it fetches the node's configuration, writes config/node.json, reports to "
            "the cluster that the installation is running and, where "
            "systemd is running, starts jetpackd, healthcheck and jetpack-converge, which runs "
            "'jetpack converge'. The same lines are in logs/initialize.log."),
        jetpack::example("jetpack initialize", "Set up a node that was just created"),
        jetpack::example("jetpack initialize --no-start --json | jq .ok",
                         "Check, and start no services")));
