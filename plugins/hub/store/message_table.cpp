// The messages and events tables, and how messages change the other tables.
#include "store/message_table.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "common/text.hpp"
#include "store/batch.hpp"
#include "store/condition_table.hpp"
#include "store/converge_table.hpp"
#include "store/node_table.hpp"
#include "store/retention.hpp"
#include "store/target_table.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace {

// Rows fetched at once: PostgreSQL's client holds them all in memory.
constexpr int64_t rows_read_at_once = 64;

// A message to insert.
struct Candidate {
  Delivery* delivery;
  size_t index;
  int64_t number;

  const Message& message() const { return delivery->messages[index]; }
};

// Inserts those that are not stored yet; their numbers.
std::unordered_set<int64_t> insert_new(Transaction& transaction,
                                       const std::vector<Candidate>& candidates, int64_t received) {
  std::unordered_set<int64_t> stored;
  Rows rows(transaction.session());
  const auto write = [&] {
    if (rows.is_empty()) return;
    for (const int64_t number : rows.select<int64_t>(
             "INSERT INTO messages (number, account, id, cluster, node, instance_id, type, sent, "
             "received, session, data) ",
             " ON CONFLICT DO NOTHING RETURNING number"))
      stored.insert(number);
  };
  for (const auto& candidate : candidates) {
    const Account& account = candidate.delivery->account;
    const Message& message = candidate.message();
    rows.add(candidate.number, account.id, message.id, account.cluster, account.node,
             message.instance_id, message.type, message.sent, received, message.session,
             message.data);
    if (rows.is_full()) write();
  }
  write();
  return stored;
}

// Stores those that are new, and marks them as fresh.
void store_new(Transaction& transaction, const std::vector<Delivery*>& deliveries,
               int64_t received) {
  std::vector<Candidate> all;
  for (auto* delivery : deliveries) {
    delivery->fresh.clear();
    for (size_t i = 0; i < delivery->messages.size(); ++i)
      all.push_back({delivery, i, transaction.next_message()});
  }
  const auto stored = insert_new(transaction, all, received);
  RowWriter events(
      transaction,
      "INSERT INTO events (id, cluster, node, level, priority, text, extras, sent, received)");
  for (const auto& candidate : all) {
    if (!stored.contains(candidate.number)) continue;
    candidate.delivery->fresh.push_back(candidate.index);
    const Account& account = candidate.delivery->account;
    if (const auto& entry = candidate.message().log)
      events.add(candidate.number, account.cluster, account.node, entry->level,
                 static_cast<int64_t>(entry->priority), entry->text, entry->extras,
                 candidate.message().sent, received);
  }
  events.finish();
}

void set_phase(Node& node, const char* phase, int64_t now) {
  if (node.phase == phase) return;
  node.phase = phase;
  node.phase_since = now;
}

// A node that was asked to stop stays so, whatever it reports.
bool may_move(const Node& node) {
  return node.phase != phase::stopping && node.phase != phase::terminated;
}

void install(Node& node, const Installation& installation, int64_t now) {
  if (!may_move(node)) return;
  node.status_message = installation.message;
  if (installation.status == "running") {
    if (node.status_message.empty()) node.status_message = "the installation is running";
    return set_phase(node, phase::installing, now);
  }
  set_phase(node, installation.status == "error" ? phase::failed : phase::ready, now);
}

// Who has asked for its end already had the first word.
void expect_end(Node& node, const CloudNotice& notice, int64_t now) {
  if (!may_move(node)) return;
  set_phase(node, phase::stopping, now);
  node.ending = phase::terminated;
  node.status_message = notice.reason;
  node.last_request = support::json_object([&](support::Object& object) {
    object.text("action", support::lower_case(notice.event))
        .text("by", "the cloud")
        .text("reason", notice.reason)
        .time("time", now);
  });
}

// What a message reports about its node; what it leaves out is unchanged.
void learn(Node& node, const Message& message, int64_t now) {
  if (!message.instance_id.empty()) node.instance_id = message.instance_id;
  if (!message.hostname.empty()) node.hostname = message.hostname;
  if (message.properties) {
    node.properties = merge_json(node.properties, *message.properties);
    // The last report counts, rather than a phase that it can no longer change.
    if (node.properties.size() > max_properties) node.properties = *message.properties;
  }
  if (message.installation) install(node, *message.installation, now);
  if (message.keepalive) node.keepalive_until = *message.keepalive;
  if (message.notice) expect_end(node, *message.notice, now);
}

void note_contact(Node& node, std::string_view address, int64_t now) {
  if (!address.empty()) node.address = address;
  if (node.first_contact == 0) node.first_contact = now;
  node.last_contact = now;
  if (node.phase != phase::preparing && node.phase != phase::off) return;
  // Why it was off no longer matters.
  if (node.phase == phase::off) node.status_message.clear();
  set_phase(node, phase::installing, now);
}

// The existing nodes of the deliveries, by account.
std::unordered_map<int64_t, Contact> contacts_of(SqlSession& session,
                                                 const std::vector<Delivery*>& deliveries) {
  std::vector<std::pair<std::string, std::string>> names;
  std::map<std::pair<std::string, std::string>, int64_t> accounts;
  for (const auto* delivery : deliveries) {
    const auto name = std::pair(delivery->account.cluster, delivery->account.node);
    if (accounts.emplace(name, delivery->account.id).second) names.push_back(name);
  }
  std::unordered_map<int64_t, Contact> contacts;
  for (auto& node : find_nodes(session, names))
    contacts.emplace(accounts[{node.cluster, node.name}], Contact{node, node});
  return contacts;
}

// An instance belongs to the node that had it first, or was enrolled with it last: what a node says
// of itself takes none away.
void keep_instances_apart(SqlSession& session, std::unordered_map<int64_t, Contact>& contacts) {
  std::set<std::pair<std::string, std::string>> taken;
  for (auto& [account, contact] : contacts) {
    auto& [before, now] = contact;
    if (now.instance_id == before.instance_id) continue;
    const auto others =
        select_one<int64_t>(session,
                            "SELECT count(*) FROM nodes WHERE cluster = $1 AND instance_id = $2 "
                            "AND name <> $3",
                            now.cluster, now.instance_id, now.name);
    if (others.value_or(0) > 0 || !taken.emplace(now.cluster, now.instance_id).second)
      now.instance_id = before.instance_id;
  }
}

// What messages change besides their nodes, to be written for all deliveries together.
struct Reported {
  explicit Reported(Transaction& transaction) : arrays(transaction) {}

  std::vector<ReportedCondition> conditions;
  ArrayChanges arrays;
};

void apply_delivery(Transaction& transaction, const Delivery& delivery, Node& node,
                    Reported& reported, int64_t now) {
  const Account& account = delivery.account;
  note_contact(node, delivery.address, now);
  for (const size_t index : delivery.fresh) {
    const Message& message = delivery.messages[index];
    learn(node, message, now);
    if (message.condition)
      reported.conditions.push_back({account.cluster, account.node, *message.condition});
    if (message.converge)
      put_converge(transaction, account.cluster, account.node, *message.converge, now);
    if (message.autoscale && account.is_scheduler)
      apply_autoscale(reported.arrays, account.cluster, *message.autoscale, now);
  }
}

// The requested part of a list, fetched some rows at a time, so that memory is bounded.
// `select_some(bound, most)` returns at most `most` rows beyond the key `bound`.
template <class Item, class Select, class Key, class Weigh>
Page<Item> read_range(const Range& range, Select select_some, Key key, Weigh weigh) {
  int64_t bound =
      range.after ? *range.after : range.before.value_or(std::numeric_limits<int64_t>::max());
  Page<Item> page;
  size_t bytes = 0;
  int64_t wanted = range.limit;
  while (wanted > 0 && !page.more) {
    const int64_t most = std::min(wanted, rows_read_at_once);
    auto items = select_some(bound, most);
    for (auto& item : items) {
      bound = key(item);
      bytes += weigh(item);
      page.items.push_back(std::move(item));
      page.more = bytes >= range.max_bytes;
      if (page.more) break;
    }
    wanted -= most;
    if (static_cast<int64_t>(items.size()) < most) break;
  }
  page.more = page.more || page.items.size() == static_cast<size_t>(range.limit);
  if (!range.after) std::reverse(page.items.begin(), page.items.end());
  return page;
}

std::string order(const std::string& key, const Range& range, const std::string& most) {
  return " ORDER BY " + key + (range.after ? " ASC" : " DESC") + " LIMIT " + most;
}

}  // namespace

void apply_deliveries(Transaction& transaction, const std::vector<Delivery*>& deliveries,
                      const Retention& keep) {
  const int64_t now = now_ms();
  store_new(transaction, deliveries, now);
  auto contacts = contacts_of(transaction.session(), deliveries);
  Reported reported(transaction);
  for (const auto* delivery : deliveries)
    if (const auto known = contacts.find(delivery->account.id); known != contacts.end())
      apply_delivery(transaction, *delivery, known->second.now, reported, now);
  put_conditions(transaction, reported.conditions, now);
  reported.arrays.write();
  keep_instances_apart(transaction.session(), contacts);
  std::vector<Contact> all;
  all.reserve(contacts.size());
  for (auto& [account, contact] : contacts) all.push_back(std::move(contact));
  update_nodes(transaction, all);
  retain(transaction, deliveries, keep);
}

void add_event(Transaction& transaction, std::string_view cluster, std::string_view node,
               std::string_view text, int64_t now, std::string_view level) {
  execute(transaction.session(),
          "INSERT INTO events (id, cluster, node, level, priority, text, extras, sent, received) "
          "VALUES ($1, $2, $3, $4, $5, $6, '{}', $7, $8)",
          transaction.next_message(), cluster, node, level, static_cast<int64_t>(Priority::medium),
          text, support::iso_8601(support::from_unix_ms(now)), now);
}

Page<Event> list_events(SqlSession& session, std::string_view cluster, std::string_view node,
                        Priority least, const Range& range, const EventFilter& filter) {
  using Columns = Row<int64_t, std::string, std::string, std::string, int64_t, std::string,
                      std::string, std::string, int64_t>;
  const auto select_some = [&](int64_t bound, int64_t most) {
    Values values;
    std::string sql =
        "SELECT id, cluster, node, level, priority, text, extras, sent, received FROM events "
        "WHERE id " +
        std::string(range.after ? "> " : "< ") + values.add(bound);
    if (!cluster.empty()) sql += " AND cluster = " + values.add(cluster);
    if (!node.empty()) sql += " AND node = " + values.add(node);
    // A literal, so that the planner uses the index of such events.
    if (least == Priority::medium) sql += " AND priority >= 2";
    if (least == Priority::high) sql += " AND priority >= 3";
    if (filter.level == "warn") sql += " AND level IN ('warn', 'error')";
    if (filter.level == "error") sql += " AND level = 'error'";
    if (filter.since > 0) sql += " AND received >= " + values.add(filter.since);
    if (!filter.text.empty()) sql += " AND " + contains("text", filter.text, values);
    std::vector<Event> events;
    for (const auto& row :
         select<Columns>(session, sql + order("id", range, values.add(most)), values))
      events.push_back({row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>(),
                        static_cast<Priority>(row.get<4>()), row.get<5>(), row.get<6>(),
                        row.get<7>(), row.get<8>()});
    return events;
  };
  return read_range<Event>(
      range, select_some, [](const Event& event) { return event.id; },
      [](const Event& event) { return event.text.size() + event.extras.size() + 512; });
}

int64_t count_low_events(SqlSession& session, std::string_view cluster, std::string_view node,
                         int64_t most) {
  Values values;
  std::string sql = "SELECT count(*) FROM (SELECT 1 FROM events WHERE priority < 2";
  if (!cluster.empty()) sql += " AND cluster = " + values.add(cluster);
  if (!node.empty()) sql += " AND node = " + values.add(node);
  sql += " LIMIT " + values.add(most) + ") AS low";
  return select<int64_t>(session, sql, values).front();
}

Page<StoredMessage> list_messages(SqlSession& session, const MessageSelection& selection,
                                  const Range& range) {
  using Columns = Row<int64_t, std::string, std::string, std::string, std::string, std::string,
                      std::string, int64_t, std::string, std::string>;
  const auto select_some = [&](int64_t bound, int64_t most) {
    Values values;
    std::string sql =
        "SELECT number, id, cluster, node, instance_id, type, sent, received, session, data "
        "FROM messages WHERE number " +
        std::string(range.after ? "> " : "< ") + values.add(bound);
    const auto narrow = [&](const char* column, const std::string& wanted) {
      if (!wanted.empty()) sql += std::string(" AND ") + column + " = " + values.add(wanted);
    };
    narrow("cluster", selection.cluster);
    narrow("node", selection.node);
    narrow("type", selection.type);
    if (!selection.open_of_others.empty())
      sql += " AND (node = " + values.add(selection.open_of_others) +
             " OR type IN ('log', 'condition', 'installation', 'scheduled_event', 'keepalive', "
             "'autoscale'))";
    std::vector<StoredMessage> messages;
    for (const auto& row :
         select<Columns>(session, sql + order("number", range, values.add(most)), values))
      messages.push_back({row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>(), row.get<4>(),
                          row.get<5>(), row.get<6>(), row.get<7>(), row.get<8>(), row.get<9>()});
    return messages;
  };
  return read_range<StoredMessage>(
      range, select_some, [](const StoredMessage& message) { return message.number; },
      [](const StoredMessage& message) { return message.data.size() + 512; });
}

}  // namespace jetpack::hub
