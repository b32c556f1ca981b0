// `jetpack send`: sends an argument, a file or a pipe as an AMQP message to the cluster's broker.
#include <sys/stat.h>

#include <algorithm>

#include <jetpack/plugin.hpp>
#include "support/files.hpp"
#include "support/settings.hpp"
#include "support/text.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Errc;
using jetpack::Error;

constexpr std::string_view cap_key = "cyclecloud.jetpack.send_max_mib";
constexpr size_t max_short_string = 255;  // bytes; AMQP 0-9-1, 4.2.5.3
constexpr size_t max_header_count = 100;
constexpr size_t max_header_value = 32 << 10;

uint64_t cap_of(const jetpack::Call& call) {
  const auto text = support::configured_setting(call.service<jetpack::Config>(), cap_key);
  const int64_t mib = support::number_setting(cap_key, text, [&](const std::string& warning) {
    call.report("jetpack send: " + warning + '\n');
  });
  return static_cast<uint64_t>(mib) << 20;
}

[[noreturn]] void too_large(const std::string& what, const std::string& size, uint64_t cap) {
  throw Error(Errc::failed, what + " has " + size + " bytes, the limit is " + std::to_string(cap) +
                                " (" + std::to_string(cap >> 20) + " MiB); send less, or raise " +
                                std::string(cap_key));
}

void check_source(const jetpack::Call& call) {
  const bool has_message = call.given("MESSAGE");
  if (has_message && call.given("file"))
    throw Error(Errc::usage, "MESSAGE cannot be combined with --file");
  if (!has_message && !call.given("file"))
    throw Error(Errc::usage, "specify MESSAGE, --file FILE, or - for standard input");
}

std::string read_body(const jetpack::Call& call, uint64_t cap) {
  const auto message = call.text("MESSAGE");
  if (message && *message != "-") {
    if (message->size() > cap) too_large("the message", std::to_string(message->size()), cap);
    return std::string(*message);
  }
  const std::string file(message ? *message : *call.text("file"));
  const support::Fd fd = support::open_input(file);
  struct stat info {};
  const std::string name = support::name_of_input(file);
  // The size of a file is known before it is read; a pipe is read up to the limit.
  if (::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) &&
      static_cast<uint64_t>(info.st_size) > cap)
    too_large(name, std::to_string(info.st_size), cap);
  if (auto content = support::read_bounded(fd.get(), cap, name)) return *std::move(content);
  too_large(name, "more than " + std::to_string(cap), cap);
}

// An AMQP short string, whose length is one byte.
void check_short(const std::string& what, std::string_view text) {
  if (text.size() > max_short_string)
    throw Error(Errc::usage, what + " has " + std::to_string(text.size()) +
                                 " bytes, the limit of AMQP is " +
                                 std::to_string(max_short_string));
  if (support::one_line(text) != text)
    throw Error(Errc::usage, what + " contains control characters or invalid UTF-8");
}

std::vector<std::pair<std::string, std::string>> read_headers(const jetpack::Call& call) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const std::string_view text : call.texts("header")) {
    const size_t mark = text.find('=');
    if (mark == std::string_view::npos || mark == 0)
      throw Error(Errc::usage, "'" + support::one_line(text.substr(0, 80)) +
                                   "' is not a valid header; expected NAME=VALUE");
    const std::string_view name = text.substr(0, mark);
    const std::string_view value = text.substr(mark + 1);
    check_short("the header name", name);
    if (value.size() > max_header_value)
      throw Error(Errc::usage, "the header " + std::string(name) + " has " +
                                   std::to_string(value.size()) + " bytes, the limit is " +
                                   std::to_string(max_header_value));
    const bool is_known = std::any_of(headers.begin(), headers.end(),
                                      [&](const auto& header) { return header.first == name; });
    if (is_known) throw Error(Errc::usage, "duplicate header " + std::string(name));
    headers.emplace_back(name, value);
  }
  if (headers.size() > max_header_count)
    throw Error(Errc::usage, std::to_string(headers.size()) + " headers, the limit is " +
                                 std::to_string(max_header_count));
  return headers;
}

int send_message(const jetpack::Call& call) {
  check_source(call);
  const std::string_view routing_key = *call.text("routing-key");
  const std::string_view exchange = *call.text("exchange");
  const std::string_view content_type = *call.text("content-type");
  check_short("the routing key", routing_key);
  check_short("the exchange name", exchange);
  check_short("the content type", content_type);

  jetpack::Letter letter;
  letter.channel = JP_TO_BROKER;
  letter.address = routing_key;
  letter.exchange = exchange;
  letter.content_type = content_type;
  letter.headers = read_headers(call);
  letter.persistent = call.flag("persistent");
  call.service<jetpack::Session>().require("broker");
  const std::string body = read_body(call, cap_of(call));
  letter.body = body;
  jetpack::Sender sender(call);
  sender.send(letter);
  return sender.finish();
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.send", "1.0.0", jetpack::needs<jetpack::Session, jetpack::Config>(),
    jetpack::command(
        "send", "Send an arbitrary AMQP message to the cluster's broker", send_message,
        jetpack::argument("MESSAGE", "Message to send, byte for byte; - is standard input")
            .optional(),
        jetpack::option("file", 'f', "FILE", "Send the content of FILE; - is standard input"),
        jetpack::option("routing-key", "KEY",
                        "Routing key; on the default exchange, the name of a queue")
            .required(),
        jetpack::option("exchange", "NAME", "Exchange to publish to").fallback(""),
        jetpack::option("header", "NAME=VALUE", "Add a header of type string").repeated(),
        jetpack::option("content-type", "TYPE", "Content type of the message")
            .fallback("application/octet-stream"),
        jetpack::flag("persistent", "Ask the broker to store the message on disk"),
        jetpack::wait_option(), jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Queues the message durably on this node and publishes it over AMQP 0-9-1 with "
            "publisher confirms. A message that is not routed to any queue is an error. Exit code "
            "0 means delivered or safely queued, and standard error says which.\n\n"
            "The broker is [broker] url in config/jetpack.ini. A message is limited to "
            "cyclecloud.jetpack.send_max_mib MiB (16 by default)."),
        jetpack::example("jetpack send 'job 17 ended' --routing-key scheduler.events",
                         "Send a text to the queue scheduler.events"),
        jetpack::example("jetpack send --file result.tar --exchange results --routing-key lab.a",
                         "Publish a file to an exchange"),
        jetpack::example("squeue --json | jetpack send - --routing-key jobs",
                         "Send the output of a command")));
