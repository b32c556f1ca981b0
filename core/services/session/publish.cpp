// Publishing: what becomes of a message or letter from the call until the receipt.
#include <unistd.h>

#include <algorithm>

#include "services/session/checks.hpp"
#include "services/session/direct_delivery.hpp"
#include "services/session/session.hpp"
#include "services/session/transport.hpp"
#include "support/file_lock.hpp"
#include "support/random.hpp"
#include "support/settings.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::session {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds default_wait{5000};

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  return support::is_utf8(name) ? name : std::string();
}

}  // namespace

// What it says of its sender.
void Session::sign(Message& message) const {
  message.id = support::random_uuid();
  message.time = support::iso_8601(std::chrono::system_clock::now());
  message.hostname = host_name();
  try {
    message.from = settings().identity_from_files();
  } catch (const Error& e) {
    // A message is accepted whatever the state of the node; delivery reports what has to be fixed.
    host_.warn(e.what());
  }
}

jp_receipt Session::publish(const jp_message& raw) {
  check_message(boundary::view(raw.type), boundary::view(raw.data));
  Message message;
  message.type = boundary::view(raw.type);
  message.data = boundary::view(raw.data);
  return accept(std::move(message), raw.wait_ms);
}

void Session::check_size(std::string_view body) const {
  if (body.size() <= size_t{1} << 20) return;
  constexpr std::string_view key = "cyclecloud.jetpack.send_max_mib";
  const int64_t mib = host_.number(key);
  if (body.size() > static_cast<size_t>(mib) << 20)
    throw Error(Errc::failed, "the letter has " + std::to_string(body.size()) +
                                  " bytes, and at most " + std::to_string(mib) +
                                  " MiB are allowed; raise " + std::string(key) + ", at most " +
                                  std::to_string(support::setting(key).most) + ", or send less");
}

jp_receipt Session::send(const jp_letter& raw) {
  check_letter(raw);
  check_size(boundary::view(raw.body));
  const bool is_to_broker = raw.channel == JP_TO_BROKER;
  // Without a broker a letter would wait forever, unnoticed.
  if (is_to_broker) static_cast<void>(settings().broker());
  Message message;
  message.kind = is_to_broker ? Kind::letter_to_broker : Kind::letter_to_server;
  message.type = "letter";
  message.data = boundary::view(raw.body);
  Letter& letter = message.letter;
  letter.method = is_to_broker ? "" : boundary::view(raw.method);
  letter.address = boundary::view(raw.address);
  letter.exchange = boundary::view(raw.exchange);
  letter.content_type = boundary::view(raw.content_type);
  if (letter.content_type.empty())
    letter.content_type = is_to_broker ? "application/octet-stream" : "application/json";
  for (uint32_t i = 0; i < raw.header_count; ++i)
    letter.headers.emplace_back(boundary::view(raw.headers[i].name),
                                boundary::view(raw.headers[i].value));
  letter.persistent = raw.persistent != 0;
  return accept(std::move(message), raw.wait_ms);
}

namespace {

jp_receipt receipt_for(const Message& message, jp_delivery delivery, std::string_view note) {
  jp_receipt receipt{};
  receipt.size = sizeof receipt;
  receipt.delivery = delivery;
  boundary::copy_text(receipt.id, sizeof receipt.id - 1, message.id);
  receipt.note_size = boundary::copy_text(receipt.note, sizeof receipt.note, note);
  return receipt;
}

std::string name_of(const Message& message) {
  return message.kind == Kind::message ? "the message" : "the letter";
}

}  // namespace

// Stores it, and has it delivered as `wait_ms` says.
jp_receipt Session::accept(Message message, int64_t wait_ms) {
  sign(message);
  try {
    outbox().queue(message);
  } catch (const std::exception& e) {
    deliver_directly(message, wait_ms, e.what());
    return receipt_for(message, JP_DELIVERED, e.what());
  }
  // From here on it is accepted, whatever fails.
  std::optional<std::string> note;
  std::string refused;
  try {
    note = settle(message, wait_ms);
    if (!note && outbox().state_of(message) == Outbox::State::dead)
      refused =
          " was refused for good and is kept as a dead letter: " + outbox().reason_of(message);
  } catch (const std::exception& e) {
    note = e.what();
  } catch (...) {
    note = "it could not be delivered for an unknown reason";
  }
  if (!refused.empty()) throw Error(Errc::failed, name_of(message) + refused);
  return receipt_for(message, note ? JP_QUEUED : JP_DELIVERED, note.value_or(""));
}

// The node whose disk fails must be able to say so. What cannot be queued is worth the usual time
// even to those who would not wait for delivery.
void Session::deliver_directly(const Message& message, int64_t wait_ms,
                               const std::string& why) const {
  const auto wait = wait_ms > 0 ? bounded(wait_ms) : default_wait;
  try {
    const node::NodeSettings known = settings();
    Route route = known.message_route();
    if (message.kind != Kind::message)
      route = message.kind == Kind::letter_to_broker ? Route::broker : Route::server;
    DirectDelivery{[&] { return transport(known, route); }, sleep_for}.deliver(message,
                                                                               Clock::now() + wait);
  } catch (const Error& e) {
    throw Error(e.code(), name_of(message) + " could not be queued: " + why +
                              "; nor delivered directly: " + e.what());
  }
}

uint64_t Session::change_outbox(uint32_t change, std::string_view id) {
  if (change == JP_OUTBOX_RETRY) return outbox().retry(id);
  if (change == JP_OUTBOX_DROP) return outbox().drop(id);
  throw Error(Errc::unsupported, "this jetpack knows no such change to the outbox");
}

// Tries to have the message delivered in time; says why it still waits.
std::optional<std::string> Session::settle(Message& message, int64_t wait_ms) {
  if (support::FileLock::is_held(host_.path("run/jetpackd.lock")))
    return leave_to_daemon(message, wait_ms);
  if (wait_ms == 0) return "delivery was not waited for";
  return deliver(message, wait_ms == JP_WAIT_DEFAULT ? default_wait : bounded(wait_ms));
}

std::optional<std::string> Session::leave_to_daemon(Message& message, int64_t wait_ms) {
  constexpr milliseconds interval{20};
  const auto deadline = Clock::now() + bounded(wait_ms);
  for (;;) {
    if (wait_ms > 0 && outbox().state_of(message) != Outbox::State::waiting) return std::nullopt;
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (left <= milliseconds::zero()) return "jetpackd will deliver it";
    sleep_for(std::min(interval, left));
  }
}

std::optional<std::string> Session::deliver(Message& message, milliseconds wait) {
  const auto deadline = Clock::now() + wait;
  return Delivery(outbox(), delivery_options(settings())).deliver(message, deadline);
}

}  // namespace jetpack::session
