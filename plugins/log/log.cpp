// `jetpack log`: sends a line to the cluster's event log, where the cluster page shows it.
#include <jetpack/plugin.hpp>
#include "support/json_writer.hpp"
#include "support/utf8.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Errc;
using jetpack::Error;

constexpr size_t max_message = 64 << 10;

std::string to_json(std::string_view level, std::string_view message, std::string_view priority) {
  return support::json_object([&](support::Object& data) {
    data.text("level", level).text("message", message).text("priority", priority);
  });
}

void write_to_own_log(const jetpack::Log& log, std::string_view level, std::string_view message) {
  if (level == "error") return log.error(message);
  if (level == "warn") return log.warning(message);
  log.info(message);
}

std::string checked_message(const jetpack::Call& call) {
  const std::string_view given = *call.text("MESSAGE");
  if (given.empty()) throw Error(Errc::usage, "the message is empty");
  if (given.size() > max_message)
    throw Error(Errc::failed, "the message has " + std::to_string(given.size()) +
                                  " bytes, and at most " + std::to_string(max_message) +
                                  " are taken; send a part of it, or `jetpack report_issue` for "
                                  "whole files");
  std::string message = support::well_formed(given);
  if (message != given)
    call.report(
        "jetpack log: the message is not valid UTF-8; what cannot be read is sent as "
        "\xEF\xBF\xBD\n");
  return message;
}

int log(const jetpack::Call& call) {
  const std::string message = checked_message(call);
  const std::string_view level = *call.text("level");
  const std::string_view usual = level == "error" ? "high" : "medium";
  const std::string_view priority = call.text("priority").value_or(usual);

  write_to_own_log(call.service<jetpack::Log>(), level, message);
  jetpack::Sender sender(call);
  sender.publish("log", to_json(level, message, priority));
  return sender.finish();
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.log", "1.0.0", jetpack::needs<jetpack::Session, jetpack::Log>(),
    jetpack::command(
        "log", "Log a message to the cluster", log,
        jetpack::argument("MESSAGE", "What happened, in one or more lines"),
        jetpack::option("level", "LEVEL", "The kind of message")
            .choices("info", "warn", "error")
            .fallback("info"),
        jetpack::option("priority", 'p', "PRIORITY",
                        "How important it is: low stays off the cluster page; high if the level "
                        "is error, else medium")
            .choices("low", "medium", "high"),
        jetpack::wait_option(),
        jetpack::description(
            "The message goes to the cluster's event log and, unless its priority is low, to the "
            "cluster page. It is written to disk before it is sent: exit code 0 means that it was "
            "delivered, or is safely queued and will be delivered in order once the server can be "
            "reached; standard error says which. A message has at most 64 KiB."),
        jetpack::example("jetpack log 'system is now ready'", "Show a message on the cluster page"),
        jetpack::example("jetpack log 'system is now ready' --priority low",
                         "Keep it off the cluster page"),
        jetpack::example("jetpack log 'the machine cannot process jobs' --level error",
                         "Report an error, with high priority"),
        jetpack::example("jetpack log 'leaving' --wait 30s",
                         "Insist on delivery before going on")));
