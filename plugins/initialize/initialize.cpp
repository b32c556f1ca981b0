// `jetpack initialize`: is the connection sound, and if not, why; then starts the services.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <chrono>

#include <jetpack/plugin.hpp>
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/log_file.hpp"
#include "support/text.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Error;
using std::chrono::milliseconds;

// One thing that was examined.
struct Step {
  std::string name;
  bool is_sound = true;
  std::string found;
  std::string remedy;  // what to do, when it is not sound
};

// Where a URL leads.
struct Endpoint {
  std::string host;
  std::string port;
};

Endpoint endpoint_of(std::string_view url) {
  const size_t scheme = url.find("://");
  std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  rest = rest.substr(rest.find('@') + 1);  // npos + 1 is 0
  const size_t colon = rest.rfind(':');
  const std::string_view name = url.substr(0, std::min(scheme, url.size()));
  const std::string_view usual = name == "http"    ? "80"
                                 : name == "amqp"  ? "5672"
                                 : name == "amqps" ? "5671"
                                                   : "443";
  if (colon == std::string_view::npos) return {std::string(rest), std::string(usual)};
  return {std::string(rest.substr(0, colon)), std::string(rest.substr(colon + 1))};
}

// Connects to a numeric address; the errno that it failed with, or 0.
int try_to_connect(const std::string& address, uint16_t port, milliseconds time) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (address.find(':') == std::string::npos) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr);
    size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr);
    size = sizeof v6;
  }
  const support::Fd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd event{fd.get(), POLLOUT, 0};
  if (::poll(&event, 1, static_cast<int>(time.count())) == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t error_size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &error_size);
  return error;
}

// Examines step by step and stops at the first thing that is not sound.
class Examination {
 public:
  explicit Examination(const Call& call)
      : call_(call),
        config_(call.service<jetpack::Config>()),
        session_(call.service<jetpack::Session>()),
        time_(*call.duration("timeout")) {}

  // Whether all is sound.
  bool run() { return folders() && files() && server() && broker(); }

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

  bool folders() {
    for (const char* name : {"config", "logs", "run"}) {
      const std::string path = config_.path(name);
      const int mode = std::string_view(name) == "config" ? R_OK | X_OK : R_OK | W_OK | X_OK;
      if (::access(path.c_str(), mode) != 0)
        return failed("home", path + ": " + support::system_message(errno),
                      "make the folder, owned by root, with the group that uses jetpack; run "
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
                    "mend the file that is named, or enroll the node again");
    }
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
      // Through a proxy neither the name nor the port need be reachable from here.
      if (!uses_proxy() && !reaches("server", url_)) return false;
      return failed("connection", e.what(), remedy_for(e.what()));
    }
  }

  bool judge(uint32_t status) {
    if (status == 200 || status == 304)
      return passed("credentials", "accepted; the server knows this node");
    const std::string answer = "the server answers " + std::to_string(status);
    if (status == 401 || status == 407)
      return failed("credentials", answer + ": user name or password are wrong",
                    "enroll the node again, or mend username and password in " +
                        config_.path("config/connection.json"));
    if (status == 403)
      return failed("credentials", answer + ": the account may not read this node's userdata",
                    "check [identity] in " + config_.path("config/jetpack.ini") +
                        ", and ask the cluster's administrator which node the account is for");
    if (status == 404)
      return failed("identity", answer + ": it does not know this node's userdata id",
                    "check [identity] userdata_id or instance_id in " +
                        config_.path("config/jetpack.ini") + ", or enroll the node again");
    return failed("server", answer, "look at the server's log, and try again");
  }

  // Messages may go to a broker instead of the server.
  bool broker() {
    if (session_.identity("transport").value_or("https") != "amqp") return true;
    const auto url = session_.identity("broker");
    if (!url)
      return failed("broker", "the transport is amqp, and no broker is configured",
                    "write [broker] url into " + config_.path("config/jetpack.ini"));
    return reaches("broker", *url) && passed("broker", *url + " takes connections");
  }

  // Whether the name resolves and the port takes connections.
  bool reaches(const std::string& what, const std::string& url) {
    const auto [host, port] = endpoint_of(url);
    uint16_t number = 0;
    std::from_chars(port.data(), port.data() + port.size(), number);
    const auto addresses = resolve(host);
    if (addresses.empty())
      return failed(what + " name", "the name " + host + " cannot be resolved",
                    "check the name in the configuration, and the DNS in /etc/resolv.conf");
    int error = 0;
    for (const auto& address : addresses) {
      error = try_to_connect(address, number, time_);
      if (error == 0) return true;
    }
    const std::string where = host + ", port " + port + " (" + addresses.front() + ")";
    return failed(what + " port", where + ": " + support::system_message(error),
                  error == ECONNREFUSED
                      ? "nothing listens there: start the server, or mend the port in its address"
                      : "check the network: routes, firewalls and security groups between here "
                        "and there");
  }

  // Numeric addresses; by getent, which can be given a deadline, as the resolver cannot.
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

  bool uses_proxy() const {
    const auto text = support::read_file(config_.path("config/connection.json"), 1 << 20);
    const auto document = support::parse_json(text.value_or("{}"), "connection.json");
    const std::string method = support::text_or(document, "proxy_method", "");
    return method == "environment" ||
           (method != "none" && support::read_file(config_.path("config/jetpack.ini"), 1 << 20)
                                        .value_or("")
                                        .find("\nproxy") != std::string::npos);
  }

  static std::string remedy_for(const std::string& failure) {
    if (failure.find("certificate") != std::string::npos)
      return "put the authority that signed the server's certificate into config/ca.pem; check "
             "that the address has the name that the certificate is for, and the clock";
    return "look at the server's log; check proxies between here and there";
  }

  const Call& call_;
  jetpack::Config config_;
  jetpack::Session session_;
  milliseconds time_;
  std::string url_;
  std::vector<Step> steps_;
};

// Starts the units, where systemd runs.
class Services {
 public:
  explicit Services(const Call& call) : call_(call) {}

  std::vector<Step> start() const {
    if (::access("/run/systemd/system", F_OK) != 0)
      return {
          {"services", true, "systemd does not run here; start the daemon with: jetpackd &", ""}};
    return {enable("jetpackd"), enable("healthcheck")};
  }

 private:
  Step enable(const std::string& unit) const {
    jetpack::ProcessSpec spec{{"systemctl", "enable", "--now", unit}};
    spec.deadline = std::chrono::seconds(60);
    const auto result = call_.service<jetpack::Process>().run(spec);
    if (result.exit_code == 0) return {"services", true, unit + " runs", ""};
    if (result.err.find("does not exist") != std::string::npos)
      return {"services", true, unit + " is not installed as a service", ""};
    return {"services", false,
            unit + " cannot be started: " + support::one_line(support::trimmed(result.err)),
            "look at: journalctl -u " + unit};
  }

  const Call& call_;
};

std::string to_json(const std::vector<Step>& steps, bool is_sound) {
  const auto add_step = [](support::JsonWriter& json, const Step& step) {
    support::Object object(json);
    object.text("name", step.name).boolean("ok", step.is_sound).text("found", step.found);
    if (!step.is_sound) object.text("remedy", step.remedy);
  };
  return support::json_object([&](support::Object& result) {
           result.boolean("ok", is_sound).list("steps", steps, add_step);
         }) +
         '\n';
}

int initialize(const Call& call) {
  Examination examination(call);
  bool is_sound = examination.run();
  std::vector<Step> steps = examination.steps();
  if (is_sound) {
    call.service<jetpack::Session>().publish("installation", R"({"status":"running"})",
                                             call.duration("timeout"));
    if (!call.flag("no-start"))
      for (auto& step : Services(call).start()) steps.push_back(std::move(step));
  }
  support::LogFile log(call.service<jetpack::Config>().path("logs/initialize.log"));
  const bool as_json = call.flag("json");
  for (const auto& step : steps) {
    is_sound = is_sound && step.is_sound;
    const std::string text = step.name + ": " + step.found;
    if (step.is_sound) {
      log.info(text);
      if (!as_json) call.print("ok      " + support::one_line(text) + '\n');
      continue;
    }
    log.error(text);
    log.error("Recommendation: " + step.remedy);
    if (!as_json)
      call.print("failed  " + support::one_line(text) + "\n        " + step.remedy + '\n');
  }
  if (as_json) call.print(to_json(steps, is_sound));
  return is_sound ? 0 : 1;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.initialize", "1.0.0",
    jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Process>(),
    jetpack::command(
        "initialize", "Check the connection to the cluster and start the services", initialize,
        jetpack::flag("no-start", "Only check; start nothing"),
        jetpack::option("timeout", "DURATION", "how long each step may take")
            .duration()
            .fallback("10s"),
        jetpack::flag("json", "Print the steps as JSON"),
        jetpack::description(
            "Examines, one after the other, the home tree, the configuration, the name, port and "
            "certificate of the server, the credentials, and whether the server knows this node. "
            "At the first thing that is wrong it says what was found and what to do, and exits "
            "with 1. Then it tells the cluster that the installation runs, and starts jetpackd and "
            "healthcheck where systemd runs. logs/initialize.log has the same lines."),
        jetpack::example("jetpack initialize", "On a node that was just made"),
        jetpack::example("jetpack initialize --no-start --json | jq .ok", "Only to know")));
