// Which of the broker's queues this hub consumes: the hubs of one database share them evenly.
#include "broker/queue_share.hpp"

#include <iterator>
#include <string>
#include <utility>

#include <Poco/Exception.h>

#include <jetpack/error.hpp>
#include "support/crc64.hpp"

namespace jetpack::hub {

namespace {

// PostgreSQL's advisory locks have two numbers of 32 bits: of the broker, and of the queue or this
// one, which all hubs hold together.
constexpr int presence = -1;
constexpr uint64_t group_mask = 0x7FFF'FFFF;

// The server's side ends a connection to a host that is gone within half a minute.
constexpr std::pair<std::string_view, std::string_view> settings[] = {
    {"tcp_keepalives_idle", "10"},
    {"tcp_keepalives_interval", "5"},
    {"tcp_keepalives_count", "3"},
    {"tcp_user_timeout", "20000"},
    {"idle_session_timeout", "0"}};

}  // namespace

size_t fair_share(size_t queues, size_t hubs, size_t rank) {
  return queues / hubs + (rank < queues % hubs ? 1 : 0);
}

template <class Work>
auto QueueShare::guarded(Work work) {
  try {
    return work();
  } catch (const Poco::Exception& e) {
    throw Error(Errc::unavailable, "sharing the broker's queues through the hub database " +
                                       std::string(shown_) + ": " + e.displayText());
  }
}

QueueShare::QueueShare(const DatabaseAddress& address, std::string_view broker, int queues)
    : shown_(address.shown),
      group_(static_cast<int64_t>(support::crc64(broker) & group_mask)),
      queues_(queues) {
  if (address.dialect == Dialect::sqlite) return;
  guarded([&] {
    session_ = open_session(address);
    for (const auto& [name, value] : settings) set_if_known(*session_, name, value);
    own_ = select_one<int64_t>(*session_, "SELECT pg_backend_pid()::bigint").value_or(0);
    select<std::string>(*session_, "SELECT pg_advisory_lock_shared($1::int, $2::int)::text", group_,
                        presence);
  });
}

QueueShare::Holders QueueShare::find_holders() {
  Holders holders;
  for (const auto& row : select<Row<int64_t, int64_t>>(
           *session_,
           "SELECT pid::bigint, objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND "
           "objsubid = 2 AND granted AND classid::bigint = $1 AND database = "
           "(SELECT oid FROM pg_database WHERE datname = current_database())",
           group_)) {
    const auto queue = static_cast<int32_t>(row.get<1>());
    if (queue == presence)
      holders.hubs.insert(row.get<0>());
    else
      holders.queues.insert(queue);
  }
  return holders;
}

bool QueueShare::take(int queue) {
  const bool is_free =
      !session_ ||
      select_one<int64_t>(*session_, "SELECT pg_try_advisory_lock($1::int, $2::int)::int::bigint",
                          group_, queue) == 1;
  if (is_free) held_.insert(queue);
  return is_free;
}

QueueShare::Change QueueShare::balance() {
  return guarded([&] {
    Holders holders;
    size_t rank = 0;
    if (session_) {
      holders = find_holders();
      hubs_ = holders.hubs.size();
      const auto own = holders.hubs.find(own_);
      if (own == holders.hubs.end()) throw Poco::Exception("the locks of this hub are gone");
      rank = static_cast<size_t>(std::distance(holders.hubs.begin(), own));
    }
    const size_t share = fair_share(static_cast<size_t>(queues_), hubs_, rank);
    Change change;
    for (int queue = 0; queue < queues_ && held_.size() < share; ++queue)
      if (!holders.queues.contains(queue) && !held_.contains(queue) && take(queue))
        change.taken.push_back(queue);
    auto last = held_.rbegin();
    for (size_t more = held_.size(); more > share; --more) change.excess.push_back(*last++);
    return change;
  });
}

void QueueShare::give_back(int queue) {
  held_.erase(queue);
  if (!session_) return;
  guarded([&] {
    select<std::string>(*session_, "SELECT pg_advisory_unlock($1::int, $2::int)::text", group_,
                        queue);
  });
}

}  // namespace jetpack::hub
