// The durable queue of what this node sends: run/outbox.db.
//
// Many processes use it at once, root and members of the directory's group. A message is in it from
// the return of add() until remove() or move_to_dead_letters(), whatever is killed in between.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/node/node_settings.hpp"
#include "services/session/ballast.hpp"
#include "services/session/database.hpp"

namespace jetpack::session {

// What a row is; the numbers are stored.
enum class Kind : uint8_t {
  message = 1,           // for the cluster, by whichever transport it uses
  letter_to_server = 2,  // an HTTP request
  letter_to_broker = 3,  // an AMQP message
};

// Where a letter goes; see jp_letter.
struct Letter {
  std::string method;
  std::string address;
  std::string exchange;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  bool persistent = true;
};

struct Message {
  int64_t seq = 0;  // the order of delivery; given by add(), as is the next
  ino_t database = 0;
  std::string id;  // a UUID; the receiver applies a message once
  std::string type;
  std::string data;     // a message's JSON object, a letter's body
  std::string time;     // when it was published, ISO 8601
  node::Identity from;  // as far as it was known then
  std::string hostname;
  Kind kind = Kind::message;
  Letter letter;       // of a letter
  std::string damage;  // why its row cannot be understood; empty: it can
};

// The kinds that go one queue, in one order.
using Kinds = std::vector<Kind>;
inline const Kinds all_kinds{Kind::message, Kind::letter_to_server, Kind::letter_to_broker};

class Outbox {
 public:
  struct Options {
    std::string directory;  // the run directory; must exist
    // The cap on the database in bytes. Asked only once the queue has outgrown `small`, because
    // knowing it may cost more than queueing a message.
    std::function<uint64_t()> max_bytes;
    std::function<void(const std::string&)> warn;
    // How long to wait for other processes that hold a lock; at most FileLock::patience for those
    // of files.
    std::chrono::milliseconds patience{10000};
  };
  static constexpr uint64_t small = 1 << 20;
  // What one operation on the database may take, busy disks included.
  static constexpr std::chrono::milliseconds longest_work{20000};

  // Opens the database, creates it when missing, and replaces it when corrupt: it is moved aside,
  // reported, and what can still be read is queued again. Throws Errc::denied or unavailable.
  explicit Outbox(Options options);

  // Stores the message, synced, and notes its place in it. Throws Errc::unavailable when the queue
  // or the disk is full.
  void queue(Message& message);
  Message add(Message message);

  // The oldest of these kinds in order, at most `count`, and of more than one at most `bytes` of
  // data.
  std::vector<Message> oldest(const Kinds& kinds, size_t count, uint64_t bytes);

  bool has(const Kinds& kinds);

  // Removes what was delivered, in one transaction. The messages must be the oldest of their kinds.
  // When the disk is full, it is remembered that they were delivered, by later processes too where
  // that can be written: they are neither returned nor waiting, and each later call tries to remove
  // them again.
  void remove(const std::vector<Message>& messages);

  // Removes what could not be removed before; says why when it still cannot be.
  std::optional<std::string> remove_remembered();

  // Moves a message that was refused for good to the dead letters. A letter's body is kept
  // with it up to 256 KiB.
  void move_to_dead_letters(const Message& message, const std::string& reason);

  // Shrinks the database after many messages have gone. Called when nothing waits.
  void give_back_space();

  // What is in it, oldest first, as jp_session.outbox_list writes it; with the beginning of an id
  // that message alone, with its content. Throws Errc::not_found, or failed when several are meant.
  std::string list(std::string_view id = {});

  // Queues dead letters again: one, or all that can be. Returns how many.
  uint64_t retry(std::string_view id = {});

  // Forgets a message, queued or dead, or all dead letters. Returns how many.
  uint64_t drop(std::string_view id = {});

  // What became of a message that add() returned. When the database was replaced since, nothing
  // is known, and the message is queued again: its id makes a second copy harmless.
  enum class State { waiting, delivered, dead };
  State state_of(Message& message);
  // Why a dead message was refused.
  std::string reason_of(const Message& message);

  // {"depth", "bytes", "oldest", "dead"}: see jp_session.outbox.
  std::string describe();

 private:
  // Of each kind (its number), all up to a place in the order.
  using Places = Ballast::Places;

  template <class Work>
  auto repairing(Work&& work);
  template <class Work>
  void with_room(Work work);
  std::chrono::milliseconds lock_patience() const;
  void open();
  void open_in_place();
  void reopen_if_replaced();
  void limit_size(uint64_t more);
  // Replaces the database when it is corrupt, or whatever it is.
  void repair(bool anyway);
  bool is_in_place() const;
  int64_t store(const Message& message);
  void erase(std::span<const Message> messages);
  void empty_log_now() const noexcept;
  // Throws that the database is corrupt when the message, which is not found, is there.
  void check_gone(const Message& message);
  [[noreturn]] void fail_damaged() const;
  void erase_remembered();
  void remember_others();
  std::string complete_id(std::string_view beginning);
  void requeue(int64_t dead);
  void drop_dead(int64_t place);
  int64_t delivered_up_to(Kind kind) const;
  std::string source(const Kinds& kinds) const;
  void trim_dead();
  [[noreturn]] void fail_full(const DatabaseError& cause, uint64_t more);

  Options options_;
  std::string path_;
  std::optional<Database> database_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  uint64_t cap_ = 0;  // 0: not asked yet
  // What was delivered and could not be removed.
  Places delivered_;
  std::optional<Ballast> ballast_;
  std::string why_not_removed_;
  // What was removed last: a place in the order is never given twice, so none may come back.
  void note_removed(int64_t seq);
  std::set<int64_t> removed_;
};

// Runs `work`; when the database turns out to be corrupt, replaces it and runs `work` once more. A
// check may find nothing where reading a damaged row does.
template <class Work>
auto Outbox::repairing(Work&& work) {
  for (const bool anyway : {false, true}) {
    try {
      if (database_) database_->limit(longest_work);
      return work();
    } catch (const DatabaseError& e) {
      if (!e.is_corrupt()) throw;
    }
    repair(anyway);
  }
  return work();
}

// Runs `work`, which takes something out; where there is no room for that, makes some.
template <class Work>
void Outbox::with_room(Work work) {
  const auto fails_for_room = [&] {
    try {
      work();
      return false;
    } catch (const DatabaseError& e) {
      if (!e.is_full()) throw;
      return true;
    }
  };
  if (!fails_for_room()) return;
  empty_log_now();
  if (!fails_for_room()) return;
  ballast_->release();
  try {
    work();
  } catch (const Error&) {
    empty_log_now();
    ballast_->restore();
    throw;
  }
  empty_log_now();
  ballast_->restore();
}

}  // namespace jetpack::session
