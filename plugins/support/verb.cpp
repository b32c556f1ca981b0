// What the verbs that tell the cluster something have in common: who we are, and what became of it.
#include "support/verb.hpp"

#include <algorithm>

#include "support/json_writer.hpp"

#include "support/files.hpp"
#include "support/json_writer.hpp"

namespace jetpack::support {

namespace {

using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;

std::string remedy(std::string_view fact) {
  if (fact == "cluster")
    return "write \"cluster\" into config/connection.json or [identity] cluster_name into "
           "config/jetpack.ini";
  if (fact == "node")
    return "write [identity] node_name into config/jetpack.ini, or cyclecloud.node.name into the "
           "configuration";
  if (fact == "broker")
    return "write [broker] url = amqps://USER:PASSWORD@HOST:PORT/VHOST into config/jetpack.ini";
  return "enroll the node, or write config/connection.json";
}

}  // namespace

std::string required_fact(const jetpack::Session& session, std::string_view fact) {
  if (auto value = session.identity(fact)) return *std::move(value);
  throw Error(Errc::failed,
              "this node's " + std::string(fact) + " is not configured: " + remedy(fact));
}

Sender::Sender(const jetpack::Call& call)
    : call_(call), session_(call.service<jetpack::Session>()), wait_(call.duration("wait")) {}

std::optional<milliseconds> Sender::time_left() const {
  if (!wait_) return queued_why_.empty() ? std::nullopt : std::optional(milliseconds{0});
  const auto spent =
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start_);
  return std::max(*wait_ - spent, milliseconds{0});
}

void Sender::keep(const std::string& what, jetpack::Receipt receipt) {
  if (!receipt.delivered && queued_why_.empty()) queued_why_ = receipt.note;
  if (!receipt.delivered) receipt.note = queued_why_;
  all_.push_back({what, std::move(receipt)});
}

void Sender::publish(std::string_view type, std::string_view data, const std::string& what) {
  keep(what, session_.publish(type, data, time_left()));
}

void Sender::send(const jetpack::Letter& letter, const std::string& what) {
  keep(what, session_.send(letter, time_left()));
}

void Sender::print_json() const {
  call_.print(
      json_array(all_,
                 [](JsonWriter& json, const Sent& sent) {
                   Object object(json);
                   object.text("id", sent.receipt.id).boolean("delivered", sent.receipt.delivered);
                   if (!sent.what.empty()) object.text("what", sent.what);
                   if (!sent.receipt.delivered) object.text("note", sent.receipt.note);
                 }) +
      '\n');
}

int Sender::finish() const {
  const std::string verb = "jetpack " + std::string(call_.command()) + ": ";
  const bool all_delivered = std::all_of(all_.begin(), all_.end(),
                                         [](const Sent& sent) { return sent.receipt.delivered; });
  for (const auto& [what, receipt] : all_) {
    std::string text = verb;
    if (!what.empty()) text += what + ": ";
    text += receipt.delivered ? "delivered" : "queued: " + receipt.note;
    call_.report(text + '\n');
  }
  if (call_.flag("json")) print_json();
  if (all_delivered || !wait_ || wait_->count() == 0) return 0;
  call_.report("not delivered within " + std::to_string(wait_->count()) +
               " ms; it stays queued and will be sent later\n");
  return 1;
}

}  // namespace jetpack::support
