// The durable queue of messages to the server: run/outbox.db.
//
// Many processes use it at once, root and members of the folder's group. A message is in it from
// the return of add() until remove() or bury(), whatever is killed in between.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/session/database.hpp"
#include "services/session/identity.hpp"

namespace jetpack::session {

struct Message {
  int64_t seq = 0;  // the order of delivery; given by add(), as is the next
  ino_t database = 0;
  std::string id;  // a UUID; the server applies a message once
  std::string type;
  std::string data;  // a JSON object
  std::string time;  // when it was published, ISO 8601
  Identity from;     // as far as it was known then
  std::string hostname;
};

// A random UUID, version 4.
std::string make_uuid();

class Outbox {
 public:
  struct Options {
    std::string folder;  // the run folder; must exist
    // The cap on the database in bytes. Asked only once the queue has outgrown `small`, because
    // knowing it may cost more than queueing a message.
    std::function<uint64_t()> max_bytes;
    std::function<void(const std::string&)> warn;
  };
  static constexpr uint64_t small = 1 << 20;

  // Opens the database, makes it when missing, and replaces it when corrupt: it is moved aside,
  // reported, and what can still be read is queued again. Throws Errc::denied or unavailable.
  explicit Outbox(Options options);

  // Stores the message, synced; returns it with its place. Throws Errc::unavailable when the queue
  // or the disk is full.
  Message add(Message message);

  // The oldest messages in order, at most `count`, and of more than one at most `bytes` of data.
  std::vector<Message> oldest(size_t count, uint64_t bytes);

  // Removes what was delivered, in one transaction.
  void remove(const std::vector<Message>& messages);

  // Moves a message that the server refused for good to the dead letters.
  void bury(const Message& message, const std::string& reason);

  // Counts an attempt at each message and keeps why it failed.
  void record_failure(const std::vector<Message>& messages, const std::string& reason);

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
  void open();
  void open_in_place();
  void reopen_if_replaced();
  void create_schema();
  void limit_size();
  void repair();
  bool is_in_place() const;
  int64_t insert(const Message& message);
  void trim_dead();
  [[noreturn]] void fail_full(const DatabaseError& cause);

  Options options_;
  std::string path_;
  std::optional<Database> database_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  uint64_t cap_ = 0;  // 0: not asked yet
};

// A path in the run folder, resolved, of a file that exists from now on with mode 0660 and the
// folder's group, whatever the umask. Throws when the folder is missing or may not be written.
std::string shared_file(const std::string& folder, const std::string& name);

}  // namespace jetpack::session
