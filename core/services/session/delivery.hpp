// Brings what waits in the outbox to the server: who delivers, in which order, what an answer means
// and when to give up for now.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/session/identity.hpp"
#include "services/session/outbox.hpp"
#include "services/session/transport.hpp"

namespace jetpack::session {

using Clock = std::chrono::steady_clock;

// The body of POST /clusterlink/messages. What a message did not know of its sender when it was
// published is taken from `now`.
std::string envelope(const std::vector<Message>& messages, const Identity& now);

// What a server's answer to a batch means.
enum class Verdict {
  accepted,   // the messages may be forgotten
  refused,    // this content will never be accepted
  try_later,  // nothing is wrong with the content; the same again may succeed
  stop,       // a person has to change something first
};
Verdict judge(uint32_t http_status);

// The server's own words: "error" of a JSON body, else its beginning; without control characters.
std::string words_of(const Answer& answer);

class Delivery {
 public:
  struct Options {
    std::string lock_path;  // held by whoever delivers
    std::string url;        // for messages to people
    Identity identity;
    std::function<std::unique_ptr<Transport>()> connect;  // called when there is something to send
    std::function<void(const std::string&)> warn;
    // Waits between attempts; returns at the latest after `time`.
    std::function<void(std::chrono::milliseconds time)> pause;
  };

  Delivery(Outbox& outbox, Options options) : outbox_(outbox), options_(std::move(options)) {}

  // Delivers in order until `message` is no longer waiting or `deadline` has come; waits while
  // another process delivers. Returns why it still waits; nullopt when it does not.
  std::optional<std::string> deliver(Message& message, Clock::time_point deadline);

 private:
  enum class Progress { done, failed, stopped };

  bool deliver_until_gone(Message& message, Clock::time_point deadline);
  Progress deliver_next(Clock::time_point deadline);
  Progress send(const std::vector<Message>& batch, Clock::time_point deadline);
  Progress send_halves(const std::vector<Message>& batch, Clock::time_point deadline);
  Progress give_up(const std::vector<Message>& batch, Progress how, std::string why);
  Answer post(const std::vector<Message>& batch, Clock::time_point deadline);

  Outbox& outbox_;
  Options options_;
  std::unique_ptr<Transport> transport_;
  std::string why_;              // the last failure
  std::vector<Message> failed_;  // what it concerned
  std::chrono::milliseconds retry_after_{0};
};

// How long to wait before attempt `number` (0, 1, ...): exponential with a cap, and random so that
// a cluster of nodes does not come back at the same instant.
std::chrono::milliseconds backoff(unsigned number);

}  // namespace jetpack::session
