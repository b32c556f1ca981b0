// The contacts table: when each node was last heard from, and which have fallen silent.
#include "store/contact_table.hpp"

#include <algorithm>

#include "store/batch.hpp"
#include "store/message_table.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t never = 1;  // as silent_since
constexpr int64_t marked_at_once = 1000;

const std::string patience = "CASE WHEN poll_ms > 0 THEN poll_ms * 7 / 2 ELSE " +
                             std::to_string(patience_without_polls) + " END";
// $1: now; $2: since when the hub could have heard them.
const std::string missed_polls =
    " WHERE silent_since = 0 AND heard + " + patience + " < $1 AND $2 + " + patience + " < $1";

// Whether a node in this phase is expected to talk.
bool should_talk(std::string_view phase) {
  return phase == phase::installing || phase == phase::ready || phase == phase::failed;
}

// "45 s", "12 min", "3 h", "2 days"
std::string span_text(int64_t ms) {
  const int64_t seconds = ms / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  if (seconds < 172'800) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86'400) + " days";
}

// Not for each node another, so that the page can fold them.
std::string silence_text(int64_t poll_ms) {
  return poll_ms > 0 ? "silent: missed three polls, one every " + span_text(poll_ms)
                     : "silent: no contact for " + span_text(patience_without_polls);
}

void add_history(SqlSession& session, std::string_view cluster, std::string_view node,
                 std::string_view status, std::string_view message, int64_t now) {
  execute(session,
          "INSERT INTO node_history (time, cluster, node, what, name, status, message) "
          "VALUES ($1, $2, $3, 'contact', '', $4, $5)",
          now, cluster, node, status, message);
}

void write_contacts(Transaction& transaction, const std::vector<Heard>& contacts) {
  RowWriter rows(transaction,
                 "INSERT INTO contacts (of_cluster, of_node, heard, poll_ms, silent_since, booted)",
                 " ON CONFLICT (of_cluster, of_node) DO UPDATE SET "
                 "heard = CASE WHEN excluded.heard > contacts.heard THEN excluded.heard "
                 "ELSE contacts.heard END, "
                 "poll_ms = CASE WHEN excluded.poll_ms > 0 THEN excluded.poll_ms "
                 "ELSE contacts.poll_ms END, "
                 "booted = CASE WHEN excluded.booted > 0 THEN excluded.booted "
                 "ELSE contacts.booted END");
  for (const auto& contact : contacts)
    rows.add(contact.cluster, contact.node, contact.time, contact.poll.interval_ms, never,
             contact.poll.booted);
  rows.finish();
}

using BackRow = Row<std::string, std::string, int64_t, int64_t, std::string, int64_t>;

// A node that is heard again, or for the first time.
void welcome(Transaction& transaction, const BackRow& row, int64_t now) {
  SqlSession& session = transaction.session();
  const auto& [cluster, node] = std::tie(row.get<0>(), row.get<1>());
  const int64_t heard = row.get<2>(), silent_since = row.get<3>();
  const std::string& phase = row.get<4>();
  const int64_t phase_since = row.get<5>();
  const bool is_away = phase == phase::preparing || phase == phase::off;
  // What was heard before it went away is not its return.
  const bool is_back = !is_away || heard >= phase_since;
  execute(session, "UPDATE contacts SET silent_since = $1 WHERE of_cluster = $2 AND of_node = $3",
          is_back ? 0 : phase_since, cluster, node);
  if (!is_back) return;
  if (is_away) {
    // Why it was off no longer matters.
    execute(session,
            "UPDATE nodes SET phase = $1, phase_since = $2, status_message = '', first_contact = "
            "CASE WHEN first_contact = 0 THEN $2 ELSE first_contact END "
            "WHERE cluster = $3 AND name = $4",
            phase::installing, heard, cluster, node);
  } else if (phase == phase::terminated) {
    add_event(transaction, cluster, node, "still talks, although it was terminated", now, "warn");
    add_history(session, cluster, node, state::still_talks, "", heard);
  } else if (should_talk(phase) && silent_since != never) {
    const std::string text = "in contact again after " + span_text(heard - silent_since);
    add_event(transaction, cluster, node, text, now);
    add_history(session, cluster, node, "In contact", text, heard);
  }
  transaction.changed("node", cluster, node);
}

}  // namespace

void store_contacts(Transaction& transaction, const std::vector<Heard>& contacts, int64_t now) {
  write_contacts(transaction, contacts);
  const auto back =
      select<BackRow>(transaction.session(),
                      "SELECT of_cluster, of_node, heard, silent_since, phase, phase_since "
                      "FROM contacts "
                      "JOIN nodes ON cluster = of_cluster AND name = of_node "
                      "WHERE silent_since > 0 AND heard > silent_since");
  for (const auto& row : back) welcome(transaction, row, now);
  // What is left was removed since it was heard.
  execute(transaction.session(), "DELETE FROM contacts WHERE silent_since = $1", never);
}

bool is_any_silent(SqlSession& session, int64_t listening_since, int64_t now) {
  return select_one<int64_t>(session, "SELECT count(*) FROM contacts" + missed_polls, now,
                             listening_since)
             .value_or(0) > 0;
}

void mark_silent(Transaction& transaction, int64_t listening_since, int64_t now) {
  SqlSession& session = transaction.session();
  const auto found = select<Row<std::string, std::string, int64_t, std::string, int64_t>>(
      session,
      "SELECT of_cluster, of_node, poll_ms, phase, heard FROM contacts "
      "JOIN nodes ON cluster = of_cluster AND name = of_node" +
          missed_polls + " LIMIT " + std::to_string(marked_at_once),
      now, listening_since);
  for (const auto& row : found) {
    const auto& [cluster, node] = std::tie(row.get<0>(), row.get<1>());
    const std::string& phase = row.get<3>();
    note_silence(session, cluster, node, row.get<4>());
    transaction.changed("node", cluster, node);
    if (!should_talk(phase)) continue;
    const std::string text = silence_text(row.get<2>());
    add_event(transaction, cluster, node, text, now, "warn");
    add_history(session, cluster, node, state::silent, text, now);
  }
}

void note_silence(SqlSession& session, std::string_view cluster, std::string_view node,
                  int64_t since) {
  execute(session,
          "UPDATE contacts SET silent_since = $1 "
          "WHERE of_cluster = $2 AND of_node = $3 AND silent_since = 0",
          since, cluster, node);
}

void forget_contact(SqlSession& session, std::string_view cluster, std::string_view node) {
  execute(session, "DELETE FROM contacts WHERE of_cluster = $1 AND of_node = $2", cluster, node);
}

std::unordered_map<std::string, NodeContact> contacts_between(SqlSession& session,
                                                              std::string_view cluster,
                                                              std::string_view first,
                                                              std::string_view last) {
  Values values;
  std::string sql =
      "SELECT of_node, heard, poll_ms, silent_since, booted FROM contacts WHERE of_cluster = " +
      values.add(cluster);
  if (!first.empty()) {
    // One by one: placeholders must stand in the order in which they are numbered.
    sql += " AND of_node >= " + values.add(first);
    sql += " AND of_node <= " + values.add(last);
  }
  std::unordered_map<std::string, NodeContact> contacts;
  for (const auto& row :
       select<Row<std::string, int64_t, int64_t, int64_t, int64_t>>(session, sql, values))
    contacts[row.get<0>()] = {row.get<1>(), row.get<2>(), row.get<3>(), row.get<4>()};
  return contacts;
}

std::string state_of(const Node& node, const NodeContact& contact) {
  if (node.phase == phase::terminated && contact.silent_since == 0 &&
      contact.heard > node.phase_since)
    return state::still_talks;
  if (contact.silent_since > never && should_talk(node.phase)) return state::silent;
  return node.phase;
}

int64_t last_contact_of(const Node& node, const NodeContact& contact) {
  return std::max(node.last_contact, contact.heard);
}

std::vector<Count> count_states(SqlSession& session, std::string_view cluster) {
  auto counts = count_phases(session, cluster);
  const auto move = [&](std::string_view where, const char* to) {
    Values values;
    std::string sql =
        "SELECT phase, count(*) FROM contacts JOIN nodes ON cluster = of_cluster AND "
        "name = of_node WHERE " +
        std::string(where);
    if (!cluster.empty()) sql += " AND cluster = " + values.add(cluster);
    Count moved{to, 0};
    for (const auto& row :
         select<Row<std::string, int64_t>>(session, sql + " GROUP BY phase", values)) {
      for (auto& count : counts)
        if (count.of == row.get<0>()) count.count -= row.get<1>();
      moved.count += row.get<1>();
    }
    if (moved.count > 0) counts.push_back(moved);
  };
  move("silent_since > 1 AND phase IN ('Installing', 'Ready', 'Failed')", state::silent);
  move("silent_since = 0 AND phase = 'Terminated' AND heard > phase_since", state::still_talks);
  std::erase_if(counts, [](const Count& count) { return count.count <= 0; });
  return counts;
}

}  // namespace jetpack::hub
