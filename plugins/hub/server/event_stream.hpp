// The event stream of the cluster page: GET /api/events/stream.
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>

#include "server/page_api.hpp"
#include "server/services.hpp"

namespace jetpack::hub {

// Server-sent events without an end: each event as "id" and "data", and changes of nodes,
// conditions and targets as "event: change".
class EventStream {
 public:
  // Starts after the query's `after`, by default with new events. `is_still_allowed` is asked each
  // time that something about nodes has changed, and at least every heartbeat.
  EventStream(const Services& services, Query query, std::function<bool()> is_still_allowed);

  // Writes until the client `is_gone` or takes nothing more, the feed is closed, or it is no longer
  // allowed.
  void write_to(std::ostream& out, const std::function<bool()>& is_gone);

 private:
  void write_news(std::ostream& out, const std::function<bool()>& is_gone);
  void write_changes(std::ostream& out) const;
  bool may_go_on();

  const Services& services_;
  Query query_;
  std::function<bool()> is_still_allowed_;
  Position seen_;
  int64_t checked_change_ = 0;
  std::chrono::steady_clock::time_point checked_{};
};

}  // namespace jetpack::hub
