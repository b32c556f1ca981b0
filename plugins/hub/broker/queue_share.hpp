// Which of the broker's queues this hub consumes: the hubs of one database share them evenly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "store/dialect.hpp"

namespace jetpack::hub {

// How many of the queues the hub with this rank (from 0) should have.
size_t fair_share(size_t queues, size_t hubs, size_t rank);

// Holds a lock in the database for each queue that this hub consumes, and one that says that it is
// there. Locks end with this object or, if the hub or its host dies, with its connection to the
// database. SQLite serves one hub, which has all queues. For one thread. Members throw Error
// (Errc::unavailable) when the database is lost; then another hub may have the queues.
class QueueShare {
 public:
  // `broker`: what makes the queues the same ones, wherever a hub is connected to them.
  QueueShare(const DatabaseAddress& address, std::string_view broker, int queues);
  QueueShare(const QueueShare&) = delete;
  QueueShare& operator=(const QueueShare&) = delete;

  struct Change {
    std::vector<int> taken;   // to consume from now on
    std::vector<int> excess;  // to give back, when nothing of them is unsettled
  };
  // Compares with the other hubs.
  Change balance();
  void give_back(int queue);

  size_t held() const { return held_.size(); }
  // As of the last balance().
  size_t hubs() const { return hubs_; }

 private:
  // What all hubs hold.
  struct Holders {
    std::set<int64_t> hubs;  // processes of the database server
    std::set<int> queues;
  };
  Holders find_holders();
  bool take(int queue);
  template <class Work>
  auto guarded(Work work);

  std::string_view shown_;
  int64_t group_;
  int queues_;
  std::unique_ptr<SqlSession> session_;  // none for SQLite
  int64_t own_ = 0;                      // this hub's process of the database server
  std::set<int> held_;
  size_t hubs_ = 1;
};

}  // namespace jetpack::hub
