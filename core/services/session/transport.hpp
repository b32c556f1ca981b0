// How messages leave this node, whatever the protocol: batches go in, and what became of each comes
// out.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "services/http/status.hpp"
#include "services/session/outbox.hpp"

namespace jetpack::session {

using Clock = std::chrono::steady_clock;

using http::Verdict;

// What became of a batch.
struct Outcome {
  Verdict verdict = Verdict::retry;
  std::string why;                               // not accepted: for people, without secrets
  std::chrono::milliseconds retry_after{0};      // retry: what the other side asks for; 0: nothing
  std::optional<size_t> message = std::nullopt;  // refused: the one of the batch that is meant
};

// What goes in one piece: one letter, or messages that stand one after another in the outbox.
using Batch = std::vector<Message>;

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Sends the batches in this order, connecting first where that is needed. Returns
  // outcomes for the first of them, at least for one, and all but the last are of batches that were
  // accepted, or refused and consist of one message. What is behind them does not count as sent.
  // Takes no longer than `deadline`, but for a moment.
  virtual std::vector<Outcome> send(const std::vector<Batch>& batches,
                                    Clock::time_point deadline) = 0;

  // Keeps an idle connection alive. Called from time to time while there is nothing to send.
  virtual void heartbeat() {}
};

}  // namespace jetpack::session
