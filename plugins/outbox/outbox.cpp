// `jetpack outbox list|show|retry|drop`: the messages that wait and those that were refused.
#include <algorithm>
#include <array>

#include <jetpack/plugin.hpp>
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Errc;
using jetpack::Error;
using rapidjson::Value;

constexpr size_t id_shown = 8;

std::string text(const Value& row, const char* name) {
  return support::one_line(support::text_or(row, name, ""));
}

std::string age(const Value& row) {
  const auto time = support::parse_iso_8601(support::text_or(row, "time", ""));
  if (!time) return "?";
  return support::short_duration(
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now() - *time));
}

// Columns as wide as what is in them, but for the last.
using Line = std::array<std::string, 6>;

std::string table(const std::vector<Line>& lines) {
  std::array<size_t, 6> widths{};
  for (const auto& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string out;
  for (const auto& line : lines) {
    for (size_t i = 0; i + 1 < line.size(); ++i) out += support::padded(line[i], widths[i]) + "  ";
    out += line.back() + '\n';
  }
  return out;
}

int list_messages(const Call& call) {
  const std::string json = call.service<jetpack::Session>().outbox_list();
  if (call.flag("json")) {
    call.print(support::shown_json(json));
    return 0;
  }
  const auto rows = support::parse_json(json, "the outbox");
  if (rows.Empty()) {
    call.report("the outbox is empty\n");
    return 0;
  }
  std::vector<Line> lines{{"ID", "STATE", "AGE", "BYTES", "TYPE", "DETAILS"}};
  for (const auto& row : rows.GetArray()) {
    std::string details = text(row, "to");
    const std::string reason = text(row, "reason");
    if (!details.empty() && !reason.empty()) details += ": ";
    lines.push_back({text(row, "id").substr(0, id_shown), text(row, "state"), age(row),
                     std::to_string(support::number_or(row, "bytes", 0)), text(row, "type"),
                     details + reason});
  }
  call.print(table(lines));
  return 0;
}

int show_message(const Call& call) {
  const auto session = call.service<jetpack::Session>();
  const auto rows = support::parse_json(session.outbox_list(*call.text("ID")), "the outbox");
  if (call.flag("json")) {
    call.print(support::to_pretty_json(rows) + '\n');
    return 0;
  }
  std::string out;
  for (const auto& row : rows.GetArray())
    for (const auto& [name, value] : row.GetObject())
      out += support::padded(std::string(support::text_of(name)), 14) +
             support::one_line(support::is_string(value) ? std::string(support::text_of(value))
                                                         : support::to_json(value)) +
             '\n';
  call.print(out);
  return 0;
}

// Each ID in its turn, so that one which is not there does not keep the others.
int change(const Call& call, jp_outbox_change what, const char* done) {
  const auto ids = call.texts("ID");
  if (ids.empty() != call.flag("all")) throw Error(Errc::usage, "specify ID, or --all");
  const auto session = call.service<jetpack::Session>();
  uint64_t count = 0;
  int exit_code = 0;
  const auto attempt = [&](std::string_view id) {
    try {
      count += session.change_outbox(what, id);
    } catch (const Error& e) {
      if (e.code() != Errc::not_found && e.code() != Errc::failed) throw;
      call.report("jetpack " + std::string(call.command()) + ": " + e.what() + '\n');
      exit_code = 1;
    }
  };
  if (ids.empty()) attempt("");
  for (const auto id : ids) {
    if (id.empty()) throw Error(Errc::usage, "ID is empty");
    attempt(id);
  }
  if (call.flag("json"))
    call.print(support::shown_json(
        support::json_object([&](support::Object& json) { json.number(done, count); })));
  else
    call.report(std::to_string(count) + (count == 1 ? " message " : " messages ") + done + '\n');
  return exit_code;
}

int retry(const Call& call) { return change(call, JP_OUTBOX_RETRY, "queued"); }
int drop(const Call& call) { return change(call, JP_OUTBOX_DROP, "dropped"); }

}  // namespace

JETPACK_PLUGIN(
    "jetpack.outbox", "1.0.0", jetpack::needs<jetpack::Session>(),
    jetpack::command(
        "outbox list", "List queued and rejected messages", list_messages,
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Lists the dead letters, which the server rejected for good, and then what is queued, "
            "each in the order of publishing. An ID is shown by its first 8 digits."),
        jetpack::example("jetpack outbox list --json | jq -r '.[] | select(.state == \"dead\").id'",
                         "Print the ids of the dead letters")),
    jetpack::command("outbox show", "Show one message of the outbox", show_message,
                     jetpack::argument("ID", "Id of the message, or its beginning"),
                     jetpack::flag("json", "Print JSON"),
                     jetpack::example("jetpack outbox show 3f2a9c1e", "Show what it says")),
    jetpack::command(
        "outbox retry", "Queue dead letters again", retry,
        jetpack::argument("ID", "Id of a dead letter, or its beginning").optional().repeated(),
        jetpack::flag("all", 'a', "Queue all dead letters again"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Puts dead letters behind what is queued, with the ids that they had, so that the "
            "server applies none of them twice."),
        jetpack::example("jetpack outbox retry --all", "Send all of them again")),
    jetpack::command(
        "outbox drop", "Remove messages from the outbox", drop,
        jetpack::argument("ID", "Id of a message, or its beginning").optional().repeated(),
        jetpack::flag("all", 'a', "Remove all dead letters; queued messages stay"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Removes dead letters, or a queued message by its ID. It will not be sent."),
        jetpack::example("jetpack outbox drop --all", "Remove all dead letters")));
