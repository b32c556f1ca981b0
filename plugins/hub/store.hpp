// store.hpp: everything the hub remembers, in one SQLite database.
#pragma once

#include "messages.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub {

enum class Role { node, admin };

// Who may ask the hub. A node's account belongs to one node of one cluster.
struct Account {
  int64_t id = 0;
  std::string name;
  Role role = Role::node;
  std::string cluster, node;  // "" for an administrator
  std::string password;       // as hash_password made it
};

struct Node {
  std::string cluster, name, instance_id, hostname, address;
  int64_t first_contact = 0, last_contact = 0;  // Unix milliseconds; 0: never
  std::string properties;                       // a JSON object
};

// A message of type "log". Ids rise in the order of arrival and are never used again.
struct Event {
  int64_t id = 0;
  std::string cluster, node, level;
  Priority priority = Priority::medium;
  std::string text, extras, sent;
  int64_t received = 0;
};

struct StoredMessage {
  int64_t number = 0;
  std::string id, cluster, node, instance_id, type, sent;
  int64_t received = 0;
  std::string session, data;
};

struct Cluster {
  std::string name;
  int64_t nodes = 0;
};

// What part of a list is wanted: with `after` the first `limit` that follow it, else the last
// `limit` that precede `before` (or the end). Either way oldest first.
struct Range {
  std::optional<int64_t> after, before;
  int64_t limit = 100;
  size_t max_bytes = 4U << 20U;  // the list ends early where its texts exceed this
};

// A part of a list.
template <class Item>
struct Page {
  std::vector<Item> items;
  bool more = false;  // whether there may be others beyond it, in the direction of the range
};

// What became of a batch.
struct Applied {
  std::vector<size_t> indexes;  // of the messages that were new
  int64_t last_event = 0;       // the newest event among them; 0: none
};

// Members may be called from any thread; each throws jetpack::Error. Several processes may use the
// same file.
class Store {
 public:
  // Opens the database, makes it if need be. `keep`: messages beyond that number go, oldest first.
  explicit Store(const std::filesystem::path& file, int64_t keep = 1'000'000);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  std::optional<Account> find_account(std::string_view name);

  // Makes the account or gives it a new password; true when it is new.
  bool set_admin(const std::string& name, const std::string& password_record);

  // Registers the node, its cluster and its account in one step; a known account gets the new
  // password. True when the account is new.
  bool enroll(const Account& account, const std::string& instance_id);

  std::optional<Node> find_node(const std::string& cluster, const std::string& name);

  // Stores a batch from `account` in one transaction, synced to disk before the return. A message
  // whose id the account has sent before is passed over. The node is the account's, whatever the
  // messages claim.
  Applied apply(const Account& account, const std::string& address,
                const std::vector<Message>& messages);

  // An empty cluster stands for all.
  Page<Event> events(const std::string& cluster, Priority least, const Range& range);
  Page<StoredMessage> messages(const std::string& cluster, const std::string& type,
                               const Range& range);
  std::vector<Node> nodes(const std::string& cluster);
  std::vector<Cluster> clusters(const std::string& cluster);

 private:
  class Connection;
  std::unique_ptr<Connection> writer_, reader_;
  int64_t keep_;
};

}  // namespace hub
