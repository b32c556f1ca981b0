// Background work: notices what other hubs wrote, and expires what is over.
#include "server/watcher.hpp"

#include <chrono>

#include "common/text.hpp"
#include "store/history_table.hpp"
#include "store/node_table.hpp"
#include "store/target_table.hpp"

namespace jetpack::hub {

namespace {

constexpr std::chrono::milliseconds look_interval{500};
constexpr int64_t ready_interval = 60'000;
constexpr int64_t silence = 120'000;  // of a node that stops, until it counts as stopped

bool is_anything_due(SqlSession& session, int64_t now) {
  return select_one<int64_t>(
             session, "SELECT count(*) FROM nodearrays WHERE expires > 0 AND expires <= $1", now)
                 .value_or(0) > 0 ||
         is_any_stopped(session, now - silence);
}

}  // namespace

Watcher::Watcher(Database& database, EventFeed& feed, const support::LogFile& log)
    : database_(database),
      feed_(feed),
      failures_(log),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Watcher::run(const std::stop_token& stop) {
  do {
    try {
      look();
      failures_.recovered();
    } catch (const Error& error) {
      failures_.failed(error.what());
    }
  } while (pause(stop, look_interval));
}

void Watcher::look() {
  feed_.announce(database_.position());
  const int64_t now = now_ms();
  if (now >= ready_due_) {
    ready_due_ = now + ready_interval;
    database_.write("counting ready nodes",
                    [&](Transaction& transaction) { note_ready(transaction, now); });
  }
  const bool is_due =
      database_.read("looking for expired targets and stopped nodes",
                     [&](SqlSession& session) { return is_anything_due(session, now); });
  if (!is_due) return;
  database_.write("expiring targets and stopping nodes", [&](Transaction& transaction) {
    expire_targets(transaction, now);
    finish_stopping(transaction, now - silence, now);
  });
}

}  // namespace jetpack::hub
