// Notices which nodes are in contact, and which have fallen silent.
#include "store/liveness.hpp"

#include <algorithm>
#include <chrono>

#include <jetpack/error.hpp>
#include "common/text.hpp"

namespace jetpack::hub {

namespace {

constexpr std::chrono::milliseconds store_interval{1000};
constexpr int64_t longest_gap = 10'000;  // between two looks; beyond, the hub was not listening

}  // namespace

Liveness::Liveness(Database& database, const support::LogFile& log)
    : database_(database),
      failures_(log),
      listening_since_(now_ms()),
      last_watch_(listening_since_),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Liveness::heard(std::string_view cluster, std::string_view node, const Poll& poll) {
  std::string name(cluster);
  name.append("/").append(node);
  const int64_t now = now_ms();
  const std::lock_guard lock(mutex_);
  Last& last = pending_[std::move(name)];
  last.time = now;
  if (poll.interval_ms > 0) last.poll.interval_ms = poll.interval_ms;
  if (poll.booted > 0) last.poll.booted = poll.booted;
}

void Liveness::run(const std::stop_token& stop) {
  bool goes_on = true;
  while (goes_on) {
    goes_on = pause(stop, store_interval);
    try {
      store();
      if (goes_on) watch();
      failures_.recovered();
    } catch (const Error& error) {
      failures_.failed(error.what());
    }
  }
}

// What cannot be stored is stored later: newer contacts of the same node take its place.
void Liveness::store() {
  Pending taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(pending_);
  }
  if (taken.empty()) return;
  std::vector<Heard> contacts;
  contacts.reserve(taken.size());
  for (const auto& [name, last] : taken) {
    const size_t slash = name.find('/');  // names have none
    contacts.push_back({name.substr(0, slash), name.substr(slash + 1), last.time, last.poll});
  }
  // Several hubs write in one order, by which the table's pages are also written in turn.
  std::sort(contacts.begin(), contacts.end(), [](const Heard& a, const Heard& b) {
    return std::tie(a.cluster, a.node) < std::tie(b.cluster, b.node);
  });
  try {
    database_.write("storing contacts", [&](Transaction& transaction) {
      store_contacts(transaction, contacts, now_ms());
    });
  } catch (const Error&) {
    const std::lock_guard lock(mutex_);
    pending_.merge(taken);
    throw;
  }
}

void Liveness::watch() {
  const int64_t now = now_ms();
  if (now - std::exchange(last_watch_, now) > longest_gap) listening_since_ = now;
  const bool is_due = database_.read("looking for silent nodes", [&](SqlSession& session) {
    return is_any_silent(session, listening_since_, now);
  });
  if (!is_due) return;
  database_.write("marking silent nodes", [&](Transaction& transaction) {
    mark_silent(transaction, listening_since_, now);
  });
}

}  // namespace jetpack::hub
