// `jetpack send`: an AMQP message, from an argument, a file or a pipe, to the cluster's broker.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

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
  const auto config = call.service<jetpack::Config>();
  std::optional<std::string> text;
  try {
    text = config.get(cap_key);
  } catch (const Error& e) {
    if (e.code() != Errc::unavailable) throw;
  }
  const int64_t mib = support::number_setting(cap_key, text, [&](const std::string& warning) {
    call.report("jetpack send: " + warning + '\n');
  });
  return static_cast<uint64_t>(mib) << 20;
}

[[noreturn]] void too_large(const std::string& what, const std::string& size, uint64_t cap) {
  throw Error(Errc::failed, what + " has " + size + " bytes, and at most " + std::to_string(cap) +
                                " (" + std::to_string(cap >> 20) +
                                " MiB) are sent; send less, or raise " + std::string(cap_key));
}

std::string read_descriptor(int fd, const std::string& name, uint64_t cap) {
  struct stat info {};
  if (::fstat(fd, &info) != 0)
    throw Error(Errc::failed, "cannot read " + name + ": " + support::system_message(errno));
  if (S_ISDIR(info.st_mode))
    throw Error(Errc::failed, "cannot read " + name + ": it is a directory");
  // Known before anything is read; a pipe is read to its end or to the cap.
  if (S_ISREG(info.st_mode) && static_cast<uint64_t>(info.st_size) > cap)
    too_large(name, std::to_string(info.st_size), cap);
  if (auto content = support::read_bounded(fd, cap, name)) return *std::move(content);
  too_large(name, "more than " + std::to_string(cap), cap);
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
  const auto file = call.text("file");
  if (message.value_or("") == "-" || file.value_or("") == "-")
    return read_descriptor(STDIN_FILENO, "standard input", cap);
  if (message) {
    if (message->size() > cap) too_large("the message", std::to_string(message->size()), cap);
    return std::string(*message);
  }
  const std::string path(*file);
  const support::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    throw Error(errno == ENOENT ? Errc::not_found : Errc::failed,
                "cannot read " + path + ": " + support::system_message(errno));
  return read_descriptor(fd.get(), path, cap);
}

// A short string of AMQP, which may not be longer than a byte can say.
void check_short(const std::string& what, std::string_view text) {
  if (text.size() > max_short_string)
    throw Error(Errc::usage, what + " has " + std::to_string(text.size()) +
                                 " bytes, and AMQP allows " + std::to_string(max_short_string));
  if (support::one_line(text) != text)
    throw Error(Errc::usage, what + " is not UTF-8 text without control characters");
}

std::vector<std::pair<std::string, std::string>> read_headers(const jetpack::Call& call) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const std::string_view text : call.texts("header")) {
    const size_t mark = text.find('=');
    if (mark == std::string_view::npos || mark == 0)
      throw Error(Errc::usage, "'" + support::one_line(text.substr(0, 80)) +
                                   "' is not a header: expected NAME=VALUE");
    const std::string_view name = text.substr(0, mark);
    const std::string_view value = text.substr(mark + 1);
    check_short("the name of a header", name);
    if (value.size() > max_header_value)
      throw Error(Errc::usage, "the header " + std::string(name) + " has " +
                                   std::to_string(value.size()) + " bytes, and at most " +
                                   std::to_string(max_header_value) + " are sent");
    const bool is_known = std::any_of(headers.begin(), headers.end(),
                                      [&](const auto& header) { return header.first == name; });
    if (is_known) throw Error(Errc::usage, "the header " + std::string(name) + " is there twice");
    headers.emplace_back(name, value);
  }
  if (headers.size() > max_header_count)
    throw Error(Errc::usage, "there are " + std::to_string(headers.size()) +
                                 " headers, and at most " + std::to_string(max_header_count) +
                                 " are sent");
  return headers;
}

int send_message(const jetpack::Call& call) {
  check_source(call);
  const std::string_view routing_key = *call.text("routing-key");
  const std::string_view exchange = *call.text("exchange");
  const std::string_view content_type = *call.text("content-type");
  check_short("the routing key", routing_key);
  check_short("the exchange's name", exchange);
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
        jetpack::argument("MESSAGE", "What to send, byte for byte; - is standard input").optional(),
        jetpack::option("file", "FILE", "Send the content of FILE; - is standard input"),
        jetpack::option("routing-key", "KEY", "Its destination: on the default exchange, a queue")
            .required(),
        jetpack::option("exchange", "NAME", "The exchange that routes it").fallback(""),
        jetpack::option("header", "NAME=VALUE", "Add a header, of type string").repeated(),
        jetpack::option("content-type", "TYPE", "The type of the content")
            .fallback("application/octet-stream"),
        jetpack::flag("persistent", "Ask the broker to keep it on disk"), jetpack::wait_option(),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "The message is queued durably on this node, published over AMQP 0-9-1 with a "
            "confirmation of the broker, and must reach a queue: one that no queue is bound to is "
            "an error. Exit code 0 means delivered or safely queued, and standard error says "
            "which.\n\n"
            "The broker is [broker] url in config/jetpack.ini. A message has at most "
            "cyclecloud.jetpack.send_max_mib MiB, 16 unless configured."),
        jetpack::example("jetpack send 'job 17 ended' --routing-key scheduler.events",
                         "Send a text to the queue scheduler.events"),
        jetpack::example("jetpack send --file result.tar --exchange results --routing-key lab.a",
                         "Send a file, routed by an exchange"),
        jetpack::example("squeue --json | jetpack send - --routing-key jobs",
                         "Send the output of a command")));
