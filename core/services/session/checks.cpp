// What a caller may publish, send and request.
#include "services/session/checks.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <jetpack/boundary.hpp>
#include "services/node/addresses.hpp"
#include "support/json.hpp"
#include "support/utf8.hpp"

namespace jetpack::session {

namespace {

constexpr size_t max_data = 1 << 20;
constexpr size_t max_type = 100;
constexpr size_t max_path = 8 << 10;
// The headers go in one frame, of which the least that a broker may ask for is 4 KiB; RabbitMQ
// takes 128 KiB.
constexpr size_t max_headers = 64 << 10;

void check_short_string(const char* what, std::string_view text) {
  if (text.size() > node::max_short_string)
    throw Error(Errc::usage, std::string("the ") + what + " has " + std::to_string(text.size()) +
                                 " bytes, and AMQP allows " +
                                 std::to_string(node::max_short_string));
  if (!support::is_utf8(text) || text.find('\0') != std::string_view::npos)
    throw Error(Errc::usage, std::string("the ") + what + " is not UTF-8 text");
}

void check_headers(const jp_letter& letter) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < letter.header_count; ++i) {
    const auto name = boundary::view(letter.headers[i].name);
    const auto value = boundary::view(letter.headers[i].value);
    check_short_string("name of a header", name);
    if (name.empty()) throw Error(Errc::usage, "a header has an empty name");
    if (!support::is_utf8(value))
      throw Error(Errc::usage, "the header " + std::string(name) + " is not UTF-8 text");
    bytes += name.size() + value.size();
  }
  if (bytes > max_headers)
    throw Error(Errc::usage, "the headers have " + std::to_string(bytes) + " bytes, and at most " +
                                 std::to_string(max_headers) + " are allowed");
}

void check_content_type(std::string_view type) {
  const auto is_plain = [](char c) { return c >= ' ' && c < '\x7f'; };
  if (type.size() > node::max_short_string || !std::all_of(type.begin(), type.end(), is_plain))
    throw Error(Errc::usage, "the content type must be at most 255 printable ASCII characters");
}

}  // namespace

void check_message(std::string_view type, std::string_view data) {
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (type.empty() || type.size() > max_type || !std::all_of(type.begin(), type.end(), is_plain))
    throw Error(Errc::usage, "a message's type must be 1 to " + std::to_string(max_type) +
                                 " printable ASCII characters without blanks");
  if (data.size() > max_data)
    throw Error(Errc::usage, "the message's data has " + std::to_string(data.size()) +
                                 " bytes, and at most " + std::to_string(max_data) +
                                 " are allowed");
  const auto json =
      support::Json::parse(data, "the message's data", {}, support::JsonRules::strict);
  if (!json.root().IsObject()) throw Error(Errc::usage, "the message's data is not a JSON object");
}

void check_request(std::string_view method, std::string_view path) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (method.empty() || method.size() > 16 || !std::all_of(method.begin(), method.end(), is_upper))
    throw Error(Errc::usage, "not an HTTP method: it must be capital letters, such as GET");
  const auto is_url_char = [](char c) {
    return c > ' ' && c < '\x7f' &&
           std::string_view("\"#<>\\^`{|}").find(c) == std::string_view::npos;
  };
  if (!path.starts_with('/') || path.size() > max_path ||
      !std::all_of(path.begin(), path.end(), is_url_char))
    throw Error(Errc::usage,
                "not a path below the server's address: it must start with / and be "
                "percent-encoded");
}

void check_letter(const jp_letter& letter) {
  const auto address = boundary::view(letter.address);
  const auto exchange = boundary::view(letter.exchange);
  check_content_type(boundary::view(letter.content_type));
  if (letter.channel == JP_TO_SERVER) {
    check_request(boundary::view(letter.method), address);
    if (!exchange.empty() || letter.header_count > 0)
      throw Error(Errc::usage, "a letter to the server has no exchange and no headers");
    return;
  }
  if (letter.channel != JP_TO_BROKER)
    throw Error(Errc::usage, "a letter goes to the server or to the broker");
  check_short_string("routing key", address);
  check_short_string("exchange's name", exchange);
  if (exchange.empty() && address.empty())
    throw Error(Errc::usage,
                "the default exchange takes the name of a queue as the routing key, and it is "
                "empty");
  check_headers(letter);
}

namespace {

void check_stored_letter(const Message& message) {
  const Letter& letter = message.letter;
  std::vector<jp_header> headers;
  for (const auto& [name, value] : letter.headers)
    headers.push_back({boundary::borrow(name), boundary::borrow(value)});
  jp_letter raw{};
  raw.channel = message.kind == Kind::letter_to_broker ? JP_TO_BROKER : JP_TO_SERVER;
  raw.method = boundary::borrow(letter.method);
  raw.address = boundary::borrow(letter.address);
  raw.exchange = boundary::borrow(letter.exchange);
  raw.content_type = boundary::borrow(letter.content_type);
  raw.headers = headers.data();
  raw.header_count = static_cast<uint32_t>(headers.size());
  check_letter(raw);
  if (letter.content_type.empty()) throw Error(Errc::corrupt, "it has no content type");
}

}  // namespace

std::string damage_of(const Message& message) {
  constexpr size_t uuid_size = 36;
  if (!message.damage.empty()) return message.damage;
  if (message.id.size() != uuid_size) return "its id is not a UUID";
  const auto& from = message.from;
  for (const auto* text : {&message.id, &message.type, &message.time, &message.hostname,
                           &from.cluster, &from.node, &from.instance, &from.session})
    if (!support::is_utf8(*text) || text->find('\0') != std::string::npos)
      return "it contains bytes that are not text";
  try {
    if (message.kind == Kind::message) {
      check_message(message.type, message.data);
    } else {
      check_stored_letter(message);
    }
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

}  // namespace jetpack::session
