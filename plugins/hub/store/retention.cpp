// What is kept of the messages: by number and by bytes, with a fair share for each node.
#include "store/retention.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "store/rows.hpp"

namespace jetpack::hub {

namespace {

// What a message takes beside its data: its other columns and indexes.
constexpr int64_t message_overhead = 512;  // schema.cpp counts the same
constexpr int64_t all_accounts = 0;
constexpr int64_t part_at_once = 50;  // dropped at once, of a limit: the 50th part
// Of so many nodes each has exactly its share; among more, only who has twice its own is treated by
// itself, which takes a few statements for each.
constexpr size_t few_nodes = 100;
constexpr double rounding = 1e-6;
constexpr int64_t own_events_part = 100;

struct Amount {
  int64_t messages = 0, bytes = 0;
};

// A number of `Amount`, its column, and the weight of a message in it.
struct Measure {
  int64_t Amount::*value;
  const char* column;
};
constexpr Measure by_messages{&Amount::messages, "messages"};
constexpr Measure by_bytes{&Amount::bytes, "bytes"};

struct AccountAmount {
  int64_t account;
  Amount amount;
};

using AmountRow = Row<int64_t, int64_t, int64_t>;

AccountAmount to_amount(const AmountRow& row) {
  return {row.get<0>(), {row.get<1>(), row.get<2>()}};
}

std::string weight(Dialect dialect) {
  const std::string overhead = std::to_string(message_overhead);
  return dialect == Dialect::sqlite ? "(" + overhead + " + length(CAST(data AS BLOB)))"
                                    : "(" + overhead + " + octet_length(data))";
}

// Adds the amounts, which may be negative; the totals of the accounts and of all.
std::vector<AccountAmount> add(Transaction& transaction, const std::map<int64_t, Amount>& amounts) {
  std::vector<AccountAmount> totals;
  Rows rows(transaction.session());
  const auto write = [&] {
    if (rows.is_empty()) return;
    for (const auto& row : rows.select<AmountRow>(
             "INSERT INTO message_totals (of_account, messages, bytes) ",
             " ON CONFLICT (of_account) DO UPDATE SET "
             "messages = message_totals.messages + excluded.messages, "
             "bytes = message_totals.bytes + excluded.bytes RETURNING of_account, messages, bytes"))
      totals.push_back(to_amount(row));
  };
  for (const auto& [account, amount] : amounts) {
    rows.add(account, amount.messages, amount.bytes);
    if (rows.is_full()) write();
  }
  write();
  return totals;
}

std::map<int64_t, Amount> fresh_amounts(const std::vector<Delivery*>& deliveries) {
  std::map<int64_t, Amount> amounts;
  for (const auto* delivery : deliveries) {
    for (const size_t index : delivery->fresh) {
      const auto bytes =
          message_overhead + static_cast<int64_t>(delivery->messages[index].data.size());
      for (const int64_t account : {delivery->account.id, all_accounts}) {
        amounts[account].messages += 1;
        amounts[account].bytes += bytes;
      }
    }
  }
  return amounts;
}

// Drops the messages that `where` selects with the number $1; `second` is $2 where it has one.
template <class... Value>
void drop(Transaction& transaction, const std::string& where, const Value&... values) {
  auto& session = transaction.session();
  std::map<int64_t, Amount> dropped;
  for (const auto& row :
       select<AmountRow>(session,
                         "SELECT account, count(*), CAST(sum(" + weight(transaction.dialect()) +
                             ") AS BIGINT) FROM messages WHERE " + where + " GROUP BY account",
                         values...)) {
    const auto [account, amount] = to_amount(row);
    dropped[account] = {-amount.messages, -amount.bytes};
    dropped[all_accounts].messages -= amount.messages;
    dropped[all_accounts].bytes -= amount.bytes;
  }
  if (dropped.empty()) return;
  execute(session,
          "DELETE FROM events WHERE id IN (SELECT number FROM messages WHERE " + where + ")",
          values...);
  execute(session, "DELETE FROM messages WHERE " + where, values...);
  add(transaction, dropped);
}

// How many messages make up the excess, as if all were alike: what remains, the next time drops.
int64_t messages_of(const Amount& amount, Measure measure, int64_t excess) {
  const auto has = static_cast<double>(std::max<int64_t>(amount.*measure.value, 1));
  const double part = static_cast<double>(excess) / has;
  const auto count =
      static_cast<int64_t>(std::ceil(static_cast<double>(amount.messages) * part - rounding));
  return std::clamp<int64_t>(count, 1, std::max<int64_t>(amount.messages - 1, 1));
}

// Drops the account's oldest messages, about so much of them. The newest one always stays.
void drop_oldest_of(Transaction& transaction, const AccountAmount& of, Measure measure,
                    int64_t excess) {
  if (of.amount.messages < 2) return;
  const auto last = select_one<int64_t>(
      transaction.session(),
      "SELECT number FROM messages WHERE account = $1 ORDER BY number LIMIT 1 OFFSET $2",
      of.account, messages_of(of.amount, measure, excess));
  if (last) drop(transaction, "account = $1 AND number < $2", of.account, *last);
}

void drop_oldest(Transaction& transaction, const Amount& all, Measure measure, int64_t excess) {
  const auto last = select_one<int64_t>(
      transaction.session(), "SELECT number FROM messages ORDER BY number LIMIT 1 OFFSET $1",
      messages_of(all, measure, excess));
  if (last) drop(transaction, "number < $1", *last);
}

// The level that all above it are reduced to, so that `excess` goes. `amounts`: falling.
int64_t level_of(const std::vector<AccountAmount>& amounts, Measure measure, int64_t excess) {
  int64_t above = 0;
  for (size_t i = 0; i < amounts.size(); ++i) {
    above += amounts[i].amount.*measure.value;
    const auto count = static_cast<int64_t>(i + 1);
    const int64_t next = i + 1 < amounts.size() ? amounts[i + 1].amount.*measure.value : 0;
    if (above - count * next >= excess) return (above - excess) / count;
  }
  return 0;
}

Amount total(Transaction& transaction) {
  const auto row = select_one<AmountRow>(
      transaction.session(),
      "SELECT of_account, messages, bytes FROM message_totals WHERE of_account = $1", all_accounts);
  return row ? to_amount(*row).amount : Amount{};
}

// Makes room when all together exceed the limit: first at the cost of those who have most.
void share(Transaction& transaction, Measure measure, int64_t limit) {
  const int64_t rest = limit - limit / part_at_once;
  const int64_t excess = total(transaction).*measure.value - rest;
  std::vector<AccountAmount> amounts;
  for (const auto& row : select<AmountRow>(transaction.session(),
                                           "SELECT of_account, messages, bytes FROM message_totals "
                                           "WHERE of_account > 0 AND messages > 0 ORDER BY " +
                                               std::string(measure.column) + " DESC"))
    amounts.push_back(to_amount(row));
  if (amounts.empty()) return;
  const int64_t fair = rest / static_cast<int64_t>(amounts.size());
  const int64_t much = amounts.size() <= few_nodes ? fair : 2 * fair;
  const int64_t level = std::max(level_of(amounts, measure, excess), much);
  for (const auto& of : amounts) {
    const int64_t has = of.amount.*measure.value;
    if (has <= level) break;
    drop_oldest_of(transaction, of, measure, has - level);
  }
  const Amount now = total(transaction);
  if (now.*measure.value > limit) drop_oldest(transaction, now, measure, now.*measure.value - rest);
}

// The hub's own events belong to no message. Only those that became too old since the last time, or
// some more.
void drop_own_events(Transaction& transaction, int64_t keep) {
  const int64_t newest = transaction.position().message;
  const int64_t interval = std::max<int64_t>(1, keep / own_events_part);
  if (newest <= keep || newest / interval == transaction.before().message / interval) return;
  constexpr int64_t overlap = 5;
  execute(transaction.session(),
          "DELETE FROM events WHERE id > $1 AND id <= $2 AND NOT EXISTS "
          "(SELECT 1 FROM messages WHERE number = events.id)",
          transaction.before().message - keep - overlap * interval, newest - keep);
}

}  // namespace

void retain(Transaction& transaction, const std::vector<Delivery*>& deliveries,
            const Retention& keep) {
  const auto fresh = fresh_amounts(deliveries);
  Amount all;
  for (const auto& of : add(transaction, fresh)) {
    if (of.account == all_accounts) {
      all = of.amount;
    } else if (of.amount.bytes > keep.bytes_of_node) {
      drop_oldest_of(transaction, of, by_bytes,
                     of.amount.bytes - keep.bytes_of_node + keep.bytes_of_node / part_at_once);
    }
  }
  if (all.bytes > keep.bytes) share(transaction, by_bytes, keep.bytes);
  if (all.messages > keep.messages + keep.messages / part_at_once)
    share(transaction, by_messages, keep.messages);
  drop_own_events(transaction, keep.messages);
}

}  // namespace jetpack::hub
