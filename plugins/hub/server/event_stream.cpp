// The event stream of the cluster page: GET /api/events/stream.
#include "server/event_stream.hpp"

#include <algorithm>
#include <chrono>
#include <ostream>
#include <set>
#include <string>
#include <utility>

#include <jetpack/error.hpp>

namespace jetpack::hub {

using namespace std::chrono_literals;

namespace {

constexpr auto heartbeat = 15s;
constexpr auto departure_interval = 1s;  // after which a reader that left is noticed
constexpr auto check_interval = 5s;
constexpr int64_t stream_batch = 200;
constexpr int64_t max_changes = 10'000;  // reported at once
constexpr size_t coarse_changes = 100;

}  // namespace

EventStream::EventStream(const Services& services, Query query,
                         std::function<bool()> is_still_allowed)
    : services_(services),
      query_(std::move(query)),
      is_still_allowed_(std::move(is_still_allowed)),
      seen_(services.feed.newest()) {
  if (!query_.range.after) query_.range.after = seen_.message;
  query_.range.limit = stream_batch;
}

void EventStream::write_to(std::ostream& out, const std::function<bool()>& is_gone) {
  out << "retry: 2000\n\n" << std::flush;
  try {
    while (out.good() && !services_.feed.is_closed() && may_go_on() && !is_gone())
      write_news(out, is_gone);
  } catch (const Error& error) {
    // The browser reconnects by itself.
    services_.log.error(error.what());
  }
}

// A node that is removed, and a session that ends, take the stream with them.
bool EventStream::may_go_on() {
  const auto now = std::chrono::steady_clock::now();
  const int64_t change = services_.feed.newest().change;
  if (change == checked_change_ && now - checked_ < check_interval) return true;
  checked_change_ = change;
  checked_ = now;
  return is_still_allowed_();
}

// Writes everything after `query_` and `seen_`, then waits for more.
void EventStream::write_news(std::ostream& out, const std::function<bool()>& is_gone) {
  const Position newest = services_.feed.newest();
  if (newest.change > seen_.change) write_changes(out);
  const auto page = services_.database.read("reading events", [&](SqlSession& session) {
    return list_events(session, query_.cluster, query_.node, query_.least, query_.range);
  });
  for (const auto& event : page.items) {
    out << "id: " << event.id << "\ndata: " << event_json(event) << "\n\n";
    query_.range.after = event.id;
  }
  out << std::flush;
  seen_.change = newest.change;
  if (page.more) return;
  // What was announced before the query is in its result, or is not for this reader.
  query_.range.after = std::max(*query_.range.after, newest.message);
  for (auto waited = 0s; waited < heartbeat; waited += departure_interval) {
    const Position now =
        services_.feed.wait({*query_.range.after, newest.change}, departure_interval);
    if (now.message > *query_.range.after || now.change > newest.change) return;
    if (services_.feed.is_closed() || is_gone()) return;
  }
  out << ": still here\n\n" << std::flush;
}

// Each change once; where there are too many, a cluster stands for its nodes.
void EventStream::write_changes(std::ostream& out) const {
  const auto changes = services_.database.read("reading changes", [&](SqlSession& session) {
    return changes_after(session, seen_.change, max_changes);
  });
  const bool is_coarse = changes.size() > coarse_changes;
  std::set<std::string> sent;
  for (Change change : changes) {
    if (!query_.cluster.empty() && change.cluster != query_.cluster) continue;
    if (is_coarse) change.node.clear();
    const std::string json = change_json(change);
    if (sent.insert(json).second) out << "event: change\ndata: " << json << "\n\n";
  }
}

}  // namespace jetpack::hub
