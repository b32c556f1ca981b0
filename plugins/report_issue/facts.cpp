// Collects the node's state for a report: status, configuration, units, disks, kernel messages.
#include "facts.hpp"

#include <poll.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"
#include "support/redact.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::report_issue {

namespace {

using jetpack::Errc;
using jetpack::Error;
using rapidjson::Value;

constexpr std::chrono::milliseconds command_timeout{8000};
constexpr uint64_t max_output = 2 << 20;

// A command whose output is a fact; "jetpack" means the running binary.
struct Command {
  const char* name;
  std::vector<std::string> argv;
};

const std::vector<Command>& commands() {
  static const std::vector<Command> all{
      {"node/status.json", {"jetpack", "status", "--json"}},
      {"node/plugins.json", {"jetpack", "plugin", "list", "--json"}},
      {"node/units.txt",
       {"systemctl", "status", "--no-pager", "--full", "--lines=20", "jetpackd", "healthcheck"}},
      {"node/failed_units.txt", {"systemctl", "list-units", "--failed", "--no-pager", "--plain"}},
      {"node/journal.txt",
       {"journalctl", "--no-pager", "--quiet", "--lines=5000", "--unit=jetpackd",
        "--unit=healthcheck"}},
      {"node/disk.txt", {"df", "--print-type", "--portability"}},
      {"node/inodes.txt", {"df", "--inodes", "--portability"}},
      {"node/kernel.txt", {"dmesg"}},
      {"node/processes.txt", {"ps", "-eo", "pid,ppid,user,rss,stat,lstart,comm"}}};
  return all;
}

std::string joined(const std::vector<std::string>& argv) {
  std::string line;
  for (const auto& argument : argv) line += (line.empty() ? "" : " ") + argument;
  return line;
}

std::string first_line(std::string_view text) {
  return support::one_line(text.substr(0, std::min(text.find('\n'), size_t{300})));
}

std::string own_path() {
  const std::string path = support::program_path();
  return path.empty() ? "jetpack" : path;
}

jetpack::ProcessSpec spec_of(const Command& command) {
  jetpack::ProcessSpec spec{command.argv};
  if (spec.argv.front() == "jetpack") spec.argv.front() = own_path();
  spec.env = {"LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0"};
  spec.deadline = command_timeout;
  spec.capture_bytes = max_output;
  return spec;
}

// A command whose output becomes the content of its fact.
class Run {
 public:
  Run(const jetpack::Process& process, const Command& command)
      : fact_{command.name, joined(command.argv), {}, {}} {
    try {
      process_.emplace(process.start(spec_of(command)));
    } catch (const Error& e) {
      fact_.why = first_line(e.what());
    }
  }

  bool is_running() const { return process_.has_value(); }
  int descriptor() const { return process_->descriptor(); }

  // Reads what there is, and never waits.
  void read() {
    try {
      const auto result = process_->result();
      if (!result) return;
      fact_.content = result->out;
      if (fact_.content.empty()) fact_.why = why_empty(*result);
    } catch (const Error& e) {
      fact_.why = first_line(e.what());
    }
    process_.reset();
  }

  Fact fact() && { return std::move(fact_); }

 private:
  static std::string why_empty(const jetpack::ProcessResult& result) {
    if (result.timed_out)
      return "timed out after " + std::to_string(command_timeout.count()) + " ms";
    return result.err.empty() ? "no output" : first_line(result.err);
  }

  Fact fact_;
  std::optional<jetpack::RunningProcess> process_;
};

// Waits until one of those that run has something to read, and reads it; false when none runs.
bool go_on(std::vector<Run>& runs) {
  std::vector<pollfd> descriptors;
  std::vector<Run*> running;
  for (auto& run : runs) {
    if (!run.is_running()) continue;
    descriptors.push_back({run.descriptor(), POLLIN, 0});
    running.push_back(&run);
  }
  if (running.empty()) return false;
  if (::poll(descriptors.data(), descriptors.size(), -1) < 0 && errno != EINTR)
    throw Error(Errc::failed, "cannot wait for commands: " + support::system_message(errno));
  for (size_t i = 0; i < running.size(); ++i)
    if (descriptors[i].revents != 0) running[i]->read();
  return true;
}

constexpr std::array<std::string_view, 18> secret_words{
    "password",          "passwd",     "passphrase",  "secret",     "token",
    "credential",        "privatekey", "private_key", "accountkey", "account_key",
    "accesskey",         "access_key", "apikey",      "api_key",    "connectionstring",
    "connection_string", "signature",  "_sas"};

bool is_secret_name(std::string_view name) {
  const std::string lower = support::lower_case(name);
  // With a value of no special form.
  const std::string line = "\"" + lower + "\": \"Zx9.!\"";
  return lower == "sas" || support::redact(line) != line ||
         std::any_of(secret_words.begin(), secret_words.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// Masks all values under secret names, in nested objects and lists too; returns their number.
uint64_t mask_values(Value& value, bool is_secret) {
  uint64_t masked = 0;
  if (value.IsObject()) {
    std::for_each(value.MemberBegin(), value.MemberEnd(), [&](auto& member) {
      masked +=
          mask_values(member.value, is_secret || is_secret_name(support::text_of(member.name)));
    });
  } else if (value.IsArray()) {
    for (auto& element : value.GetArray()) masked += mask_values(element, is_secret);
  } else if (is_secret && (value.IsNumber() || (value.IsString() && value.GetStringLength() > 0))) {
    value.SetString("[redacted]");
    return 1;
  }
  return masked;
}

Fact tree(const char* name, const char* source, const std::function<std::string()>& read) {
  Fact fact{name, source, {}, {}};
  try {
    rapidjson::Document document = support::parse_json(read(), source);
    fact.masked = mask_values(document, false);
    fact.content = support::to_pretty_json(document) + '\n';
  } catch (const Error& e) {
    fact.why = first_line(e.what());
  }
  return fact;
}

Fact versions(const jetpack::Call& call) {
  utsname system{};
  ::uname(&system);
  const std::string content = support::json_object([&](support::Object& json) {
    json.text("jetpack", call.host_version())
        .text("host", system.nodename)
        .text("kernel", system.release)
        .text("kernel_version", system.version)
        .text("machine", system.machine);
    try {
      const auto release = support::read_file("/etc/os-release", 65536).value_or("");
      json.text("os_release", support::well_formed(release));
    } catch (const Error&) {
      // Optional.
    }
  });
  return {"node/versions.json", "uname, /etc/os-release", content + '\n', {}};
}

}  // namespace

std::vector<Fact> planned_facts() {
  std::vector<Fact> facts{{"node/versions.json", "uname, /etc/os-release", {}, {}},
                          {"node/config.json", "jetpack config --json", {}, {}},
                          {"node/properties.json", "jetpack props get --json", {}, {}}};
  for (const auto& command : commands())
    facts.push_back({command.name, joined(command.argv), {}, {}});
  return facts;
}

std::vector<Fact> run_commands(const jetpack::Process& process) {
  std::vector<Run> runs;
  runs.reserve(commands().size());
  for (const auto& command : commands()) runs.emplace_back(process, command);
  while (go_on(runs)) {
  }
  std::vector<Fact> facts;
  facts.reserve(runs.size());
  for (auto& run : runs) facts.push_back(std::move(run).fact());
  return facts;
}

std::vector<Fact> gather_facts(const jetpack::Call& call) {
  using jetpack::Format;
  const auto config = call.service<jetpack::Config>();
  const auto process = call.service<jetpack::Process>();
  std::vector<Fact> facts{versions(call),
                          tree("node/config.json", "jetpack config --json",
                               [&] { return config.require("", Format::json); }),
                          tree("node/properties.json", "jetpack props get --json",
                               [&] { return config.require_property("", Format::json); })};
  for (auto& fact : run_commands(process)) facts.push_back(std::move(fact));
  return facts;
}

}  // namespace jetpack::report_issue
