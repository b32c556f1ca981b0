// jetpack/sender.hpp: for commands that send messages: --wait, and what they report. [any-thread]
#pragma once

#include <jetpack/command.hpp>
#include <jetpack/json.hpp>
#include <jetpack/session.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack {

// The option --wait, which Sender obeys. [compile-time]
consteval Parameter wait_option() {
  return option("wait", "DURATION", "Fail unless delivered within this time (10, 90s, 5m)")
      .duration();
}

// Sends what one run of a command has to say, in order, and reports what became of it. The command
// must declare wait_option(), whose time is for all of it; where it declares a flag "json", the
// report is on standard output too, as a JSON list. Without --wait, once something could not be
// delivered the rest is only queued, so that a dead server is waited for once.
class Sender {
 public:
  explicit Sender(const Call& call) : call_(call), wait_(call.duration("wait")) {}

  // `what` names one of several in the report: "node array 'execute'". Throws when it is rejected.
  void publish(std::string_view type, std::string_view data, const std::string& what = {}) {
    record(session().publish(type, data, time_left()), what);
  }
  void publish(const Message& message, const std::string& what = {}) {
    publish(message.type, message.data, what);
  }
  void send(const Letter& letter, const std::string& what = {}) {
    record(session().send(letter, time_left()), what);
  }

  // For what reports by itself, such as Conditions: how long it may wait, and what became of it.
  std::optional<std::chrono::milliseconds> time_left() const {
    using std::chrono::milliseconds;
    if (!wait_) return queued_why_.empty() ? std::nullopt : std::optional(milliseconds{0});
    const auto spent = std::chrono::steady_clock::now() - start_;
    return std::max(*wait_ - std::chrono::duration_cast<milliseconds>(spent), milliseconds{0});
  }
  void record(Receipt receipt, const std::string& what = {}) {
    if (!receipt.delivered && queued_why_.empty()) queued_why_ = receipt.note;
    if (!receipt.delivered) receipt.note = queued_why_;
    all_.push_back({what, std::move(receipt)});
  }

  // Reports what became of each and returns the exit code: 1 when --wait was not met.
  int finish() const {
    for (const auto& [what, receipt] : all_) {
      std::string line = "jetpack " + std::string(call_.command()) + ": ";
      if (!what.empty()) line += what + ": ";
      line += outcome(receipt);
      call_.report(line + '\n');
    }
    if (call_.declares("json") && call_.flag("json")) call_.print(to_json());
    const bool all_delivered = std::all_of(all_.begin(), all_.end(),
                                           [](const Sent& sent) { return sent.receipt.delivered; });
    if (all_delivered || !wait_ || wait_->count() == 0) return 0;
    call_.report("not delivered within " + std::to_string(wait_->count()) +
                 " ms; it stays queued and will be sent later\n");
    return 1;
  }

 private:
  struct Sent {
    std::string what;
    Receipt receipt;
  };

  static std::string outcome(const Receipt& receipt) {
    if (!receipt.delivered) return "queued: " + receipt.note;
    return receipt.note.empty()
               ? "delivered"
               : "delivered directly, because it could not be queued: " + receipt.note;
  }

  const Session& session() {
    if (!session_) session_ = call_.service<Session>();
    return *session_;
  }

  std::string to_json() const {
    std::string json;
    for (const auto& [what, receipt] : all_) {
      json += json.empty() ? "[\n    {" : ",\n    {";
      json += "\n        \"id\": " + json_string(receipt.id);
      json += ",\n        \"delivered\": " + std::string(receipt.delivered ? "true" : "false");
      if (!what.empty()) json += ",\n        \"what\": " + json_string(what);
      if (!receipt.note.empty()) json += ",\n        \"note\": " + json_string(receipt.note);
      json += "\n    }";
    }
    return json.empty() ? "[]\n" : json + "\n]\n";
  }

  const Call& call_;
  std::optional<Session> session_;  // from the first message on
  std::optional<std::chrono::milliseconds> wait_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::string queued_why_;
  std::vector<Sent> all_;
};

}  // namespace jetpack
