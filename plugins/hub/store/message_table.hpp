// The messages and events tables, and how messages change the other tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/storage_quotas.hpp"
#include "store/account_table.hpp"
#include "store/database.hpp"
#include "store/messages.hpp"

namespace jetpack::hub {

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

// The requested part of a list: with `after` the first `limit` that follow it, else the last
// `limit` that precede `before` (or the end). Either way oldest first.
struct Range {
  std::optional<int64_t> after, before;
  int64_t limit = 100;
  size_t max_bytes = 4 << 20;  // the list ends early where its texts exceed this
};

// A part of a list.
template <class Item>
struct Page {
  std::vector<Item> items;
  bool more = false;  // whether there may be others beyond it, in the direction of the range
};

// What is kept of the messages.
struct Retention {
  Retention(int64_t most, const StorageQuotas& quotas = {})
      : messages(most),
        bytes(static_cast<int64_t>(quotas.messages_mib * bytes_in_mib)),
        bytes_of_node(static_cast<int64_t>(quotas.messages_mib_per_node * bytes_in_mib)) {}

  int64_t messages, bytes, bytes_of_node;
};

// The messages of one request of a node.
struct Delivery {
  Account account;
  std::string address;  // where it came from, or ""
  std::vector<Message> messages;
  std::vector<size_t> fresh;  // set by apply_deliveries: the indexes of the messages that were new
};

// Stores the messages in their order and applies them. A message whose id its account has
// sent before is skipped. The node is the account's, whatever the messages claim. Then drops what
// exceeds `keep`.
void apply_deliveries(Transaction& transaction, const std::vector<Delivery*>& deliveries,
                      const Retention& keep);

// Adds an event of the hub's own about a node, with priority medium.
void add_event(Transaction& transaction, std::string_view cluster, std::string_view node,
               std::string_view text, int64_t now, std::string_view level = "info");

// Which events; what is empty stands for all.
struct EventFilter {
  std::string level;  // "warn": also errors; "error"
  std::string text;   // a part of the message, in any case
  int64_t since = 0;  // received then or later
};
// An empty text stands for all.
Page<Event> list_events(SqlSession& session, std::string_view cluster, std::string_view node,
                        Priority least, const Range& range, const EventFilter& filter = {});
// How many there are of low priority, counted up to `most`.
int64_t count_low_events(SqlSession& session, std::string_view cluster, std::string_view node,
                         int64_t most);

// Which messages to list; an empty text stands for all.
struct MessageSelection {
  std::string cluster, node, type;
  // Of other nodes than this one, only the types whose content the page shows: no properties, and
  // nothing of types that the hub does not know.
  std::string open_of_others;
};
Page<StoredMessage> list_messages(SqlSession& session, const MessageSelection& selection,
                                  const Range& range);

}  // namespace jetpack::hub
