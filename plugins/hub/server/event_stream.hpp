// The event stream of the cluster page: GET /api/events/stream.
#pragma once

#include <functional>
#include <iosfwd>

#include "server/page_api.hpp"
#include "server/services.hpp"

namespace jetpack::hub {

// Server-sent events without an end: each event as "id" and "data", and changes of nodes,
// conditions and targets as "event: change".
class EventStream {
 public:
  // Starts after the query's `after`, by default with new events.
  EventStream(const Services& services, Query query);

  // Writes until the client `is_gone`, takes nothing more, or the feed is closed.
  void write_to(std::ostream& out, const std::function<bool()>& is_gone);

 private:
  void write_news(std::ostream& out, const std::function<bool()>& is_gone);
  void write_changes(std::ostream& out) const;

  const Services& services_;
  Query query_;
  Position seen_;
};

}  // namespace jetpack::hub
