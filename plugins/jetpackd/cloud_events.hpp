// What the cloud is about to do to this node, whichever cloud it is.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace jetpack::jetpackd {

struct CloudEvent {
  std::string id;           // the cloud's own: printable ASCII, up to 128 characters
  std::string kind;         // "Preempt", "Terminate", "Reboot", "Redeploy" or "Freeze"
  std::string description;  // the cloud's words; may be empty
  std::string not_before;   // ISO 8601, for people; empty when the cloud does not say
  std::chrono::milliseconds time_left{0};  // until not_before, when the event was read
  bool has_begun = false;                  // too late to do anything about it
};

// An interface so that another cloud's notices are one file more, and for tests.
class CloudEvents {
 public:
  CloudEvents() = default;
  CloudEvents(const CloudEvents&) = delete;
  CloudEvents& operator=(const CloudEvents&) = delete;
  virtual ~CloudEvents() = default;

  // What is announced for this node, each event once. Waits for at most `timeout`. Throws
  // Errc::unavailable when the cloud does not answer, and Error when the answer is none.
  virtual std::vector<CloudEvent> poll(std::chrono::milliseconds timeout) = 0;

  // Lets the cloud begin at once. Throws Error when it is not known whether it will; what poll
  // returns next tells.
  virtual void acknowledge(const std::string& id) = 0;
};

}  // namespace jetpack::jetpackd
