// probe.cpp: a plugin that uses every part of SDK 1.0, built once with its headers and kept as a binary: see
// refresh-1.0. Every later jetpack must run it.
#include <jetpack/plugin.hpp>

#include <string>

namespace {

using jetpack::Call;

void line(const Call& call, std::string_view name, std::string_view value) {
  call.print(std::string(name) + "=" + std::string(value) + "\n");
}

int values(const Call& call) {
  line(call, "command", call.command());
  line(call, "text", call.text_or("text", "none"));
  line(call, "level", call.need("level"));
  line(call, "flag", call.flag("flag") ? "yes" : "no");
  for (const auto number : call.integers("number")) line(call, "number", std::to_string(number));
  line(call, "wait",
       std::to_string(call.duration("wait").value_or(std::chrono::milliseconds{-1}).count()));
  line(call, "given", call.given("level") ? "yes" : "no");
  for (const auto word : call.texts("WORD")) line(call, "word", word);
  call.report("reported\n");
  return call.host_version().empty() ? 1 : 0;
}

int config(const Call& call) {
  const auto config = call.service<jetpack::Config>();
  line(call, "name", config.require("cyclecloud.node.name"));
  line(call, "count", std::to_string(config.integer_or("probe.count", -1)));
  line(call, "flag", config.flag_or("probe.flag", false) ? "yes" : "no");
  line(call, "missing", config.get_or("probe.missing", "fallback"));
  line(call, "json", *config.get("probe", jetpack::Format::json));
  config.set_property("probe.set", "\"by 1.0\"");
  line(call, "property", config.require_property("probe.set"));
  line(call, "path", config.path("config/node.json"));
  return 0;
}

int process(const Call& call) {
  const auto process = call.service<jetpack::Process>();
  jetpack::ProcessSpec spec;
  spec.argv = {"/bin/sh", "-c", "read line; echo \"$line $VALUE\"; echo bad >&2; exit 3"};
  spec.env = {"VALUE=42"};
  spec.input = "in\n";
  spec.deadline = std::chrono::seconds{20};
  const auto result = process.run(spec);
  line(call, "ended", std::to_string(result.exit_code) + " " + result.out + result.err);
  spec.argv = {"/bin/sleep", "60"};
  spec.deadline = std::chrono::milliseconds{1};
  line(call, "timed_out", process.run(spec).timed_out ? "yes" : "no");
  return 0;
}

int session(const Call& call) {
  const auto session = call.service<jetpack::Session>();
  line(call, "identity", session.identity("node").value_or("unknown"));
  const auto receipt = session.publish("log", R"({"level":"info","message":"from 1.0"})");
  line(call, "receipt", receipt.id.empty() ? "none" : "some");
  line(call, "outbox", session.outbox());
  call.service<jetpack::Log>().info("logged by 1.0");
  return 0;
}

int storage(const Call& call) {
  const auto storage = call.service<jetpack::Storage>();
  line(call, "locker", storage.locker());
  return 0;
}

int fail(const Call&) { throw jetpack::Error(jetpack::Errc::not_found, "the thing is not there"); }

}  // namespace

JETPACK_PLUGIN(
    "test.sdk10", "1.0.0", jetpack::needs<jetpack::Config>(),
    jetpack::command(
        "sdk10 values", "Print what was given", values,
        jetpack::option("text", 't', "TEXT", "A text"),
        jetpack::option("level", "LEVEL", "A level").choices("low", "high").fallback("low"),
        jetpack::option("number", "N", "Numbers").integer(-5, 5).repeated(),
        jetpack::option("wait", "TIME", "A duration").duration().from_config("probe.wait"),
        jetpack::flag("flag", 'f', "A flag").negatable(),
        jetpack::argument("WORD", "Words").repeated().optional(),
        jetpack::description("Several paragraphs.\n\nThe second."),
        jetpack::example("jetpack sdk10 values", "Print the defaults")),
    jetpack::command("sdk10 config", "Read the configuration", config),
    jetpack::command("sdk10 process", "Run programs", process),
    jetpack::command("sdk10 session", "Publish a message", session),
    jetpack::command("sdk10 storage", "Print the locker's address", storage),
    jetpack::command("sdk10 node fail", "Fail", fail));
