// A way out of this node as delivery sees it, whatever is spoken on it: parcels go in, and what
// became of each comes out.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "services/session/outbox.hpp"

namespace jetpack::session {

using Clock = std::chrono::steady_clock;

// What became of a parcel.
enum class Verdict {
  accepted,   // its content may be forgotten
  refused,    // this content will never be accepted
  try_later,  // nothing is wrong with the content; the same again may succeed
  stop,       // a person has to change something first
};

struct Outcome {
  Verdict verdict = Verdict::try_later;
  std::string why;                           // not accepted: for a person, without secrets
  std::chrono::milliseconds retry_after{0};  // try_later: what the other side asks for; 0: nothing
};

// What goes in one piece: one letter, or messages that stand one after another in the outbox.
using Parcel = std::vector<Message>;

class Carrier {
 public:
  Carrier() = default;
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;
  virtual ~Carrier() = default;

  // Brings the parcels to their place in this order, connecting first where that is needed. Returns
  // outcomes for the first of them, at least for one, and all but the last are of parcels that were
  // accepted, or refused and consist of one message. What is behind them does not count as sent.
  // Takes no longer than `deadline`, but for a moment.
  virtual std::vector<Outcome> bring(const std::vector<Parcel>& parcels,
                                     Clock::time_point deadline) = 0;

  // Keeps an idle connection alive. Called from time to time while there is nothing to bring.
  virtual void tend() {}
};

}  // namespace jetpack::session
