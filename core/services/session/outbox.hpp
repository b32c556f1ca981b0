// The durable queue of what this node sends: run/outbox.db.
//
// Many processes use it at once, root and members of the directory's group. A message is in it from
// the return of add() until remove() or move_to_dead_letters(), whatever is killed in between.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/node/node_settings.hpp"
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
  Letter letter;  // of a letter
};

// The kinds that go one queue, in one order.
using Kinds = std::vector<Kind>;

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

  // Opens the database, creates it when missing, and replaces it when corrupt: it is moved aside,
  // reported, and what can still be read is queued again. Throws Errc::denied or unavailable.
  explicit Outbox(Options options);

  // Stores the message, synced; returns it with its place. Throws Errc::unavailable when the queue
  // or the disk is full.
  Message add(Message message);

  // The oldest of these kinds in order, at most `count`, and of more than one at most `bytes` of
  // data.
  std::vector<Message> oldest(const Kinds& kinds, size_t count, uint64_t bytes);

  bool has(const Kinds& kinds);

  // Removes what was delivered, in one transaction. The messages must be the oldest of their kinds.
  // When the disk is full, it is remembered that they were delivered: for as long as this object
  // lives they are neither returned nor waiting, and each later call tries to remove them again.
  void remove(const std::vector<Message>& messages);

  // Removes what could not be removed before; says why when it still cannot be.
  std::optional<std::string> remove_remembered();

  // Moves a message that was refused for good to the dead letters. A letter's body is kept
  // with it up to 256 KiB.
  void move_to_dead_letters(const Message& message, const std::string& reason);

  // What became of a message that add() returned. When the database was replaced since, nothing
  // is known, and the message is queued again: its id makes a second copy harmless.
  enum class State { waiting, delivered, dead };
  State state_of(Message& message);
  // Why a dead message was refused.
  std::string reason_of(const Message& message);

  // {"depth", "bytes", "oldest", "dead"}: see jp_session.outbox.
  std::string describe();

 private:
  template <class Work>
  auto repairing(Work&& work);
  std::chrono::milliseconds lock_patience() const;
  void open();
  void open_in_place();
  void reopen_if_replaced();
  void limit_size(uint64_t more);
  void repair();
  bool is_in_place() const;
  int64_t store(const Message& message);
  bool erase(const std::vector<Message>& messages);
  void erase_remembered();
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
  // What was delivered and could not be removed: of each kind, all up to a place in the order.
  std::map<Kind, int64_t> delivered_;
  std::string why_not_removed_;
};

}  // namespace jetpack::session
