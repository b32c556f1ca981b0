// `jetpack log`: sends a message to the cluster's event log, which the cluster page shows.
#include <jetpack/plugin.hpp>
#include "support/files.hpp"
#include "support/utf8.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Errc;
using jetpack::Error;

constexpr size_t max_input = 16 << 20;  // from which a message is taken

jetpack::Severity severity_of(std::string_view level) {
  if (level == "error") return jetpack::Severity::error;
  return level == "warn" ? jetpack::Severity::warn : jetpack::Severity::info;
}

std::optional<jetpack::Priority> priority_of(std::optional<std::string_view> priority) {
  if (!priority) return std::nullopt;
  if (*priority == "high") return jetpack::Priority::high;
  return *priority == "low" ? jetpack::Priority::low : jetpack::Priority::medium;
}

void write_to_local_log(const jetpack::Log& log, std::string_view level, std::string_view message) {
  if (level == "error") return log.error(message);
  if (level == "warn") return log.warning(message);
  log.info(message);
}

// The argument, or what is on standard input, without the line break at its end.
std::string given_message(const jetpack::Call& call) {
  const std::string_view given = *call.text("MESSAGE");
  if (given != "-") return std::string(given);
  std::string text = support::read_input("-", max_input);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string checked_message(const jetpack::Call& call) {
  const std::string given = given_message(call);
  const std::string message = support::well_formed(given);
  if (message != given)
    call.report(
        "jetpack log: the message is not valid UTF-8; invalid bytes are sent as \xEF\xBF\xBD\n");
  if (message.size() > jetpack::max_message_text)
    call.report("jetpack log: the message has " + std::to_string(message.size()) +
                " bytes, the limit is " + std::to_string(jetpack::max_message_text) +
                ", the rest is cut; upload whole files with 'jetpack report_issue'\n");
  return jetpack::cut_text(message);
}

int log(const jetpack::Call& call) {
  const std::string message = checked_message(call);
  // As an empty variable in a script makes it, which must not end there.
  if (message.empty()) {
    call.report("jetpack log: the message is empty; nothing was sent\n");
    return 0;
  }
  const std::string_view level = *call.text("level");
  write_to_local_log(call.service<jetpack::Log>(), level, message);
  jetpack::Sender sender(call);
  sender.publish(
      jetpack::log_message(message, severity_of(level), priority_of(call.text("priority"))));
  return sender.finish();
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.log", "1.0.0", jetpack::needs<jetpack::Session, jetpack::Log>(),
    jetpack::command(
        "log", "Log a message to the cluster", log,
        jetpack::argument("MESSAGE", "Text of the message, one or more lines; - is standard input"),
        jetpack::option("level", "LEVEL", "Level of the message")
            .choices("info", "warn", "error")
            .fallback("info"),
        jetpack::option("priority", 'p', "PRIORITY",
                        "Priority of the message; low is not shown on the cluster page, default is "
                        "high for level error, otherwise medium")
            .choices("low", "medium", "high"),
        jetpack::wait_option(),
        jetpack::description(
            "Sends the message to the cluster's event log and, unless its priority is low, to the "
            "cluster page. It is written to disk before it is sent. Exit code 0 means delivered, "
            "or safely queued and delivered in order once the server is reachable; standard error "
            "says which. A message of more than 64 KiB is cut."),
        jetpack::example("jetpack log 'system is now ready'", "Show a message on the cluster page"),
        jetpack::example("jetpack log 'system is now ready' --priority low",
                         "Keep it off the cluster page"),
        jetpack::example("jetpack log 'the machine cannot process jobs' --level error",
                         "Report an error, with high priority"),
        jetpack::example("df -h | jetpack log -", "Log the output of a command"),
        jetpack::example("jetpack log 'leaving' --wait 30s",
                         "Fail unless the message is delivered within 30 s")));
