// What is in run/outbox.db, for people who look into it, and what they may change.
#include <jetpack/error.hpp>
#include "services/session/checks.hpp"
#include "services/session/outbox_schema.hpp"
#include "support/encoding.hpp"
#include "support/json_writer.hpp"
#include "support/utf8.hpp"

namespace jetpack::session {

namespace {

using support::JsonWriter;
using support::Object;

// Both tables, as one; `queued` is 1 for what waits. Of a dead letter without a row in dead_letter
// only its target is known.
// `waiting` follows FROM to get what waits.
std::string all_rows(const std::string& waiting, const std::string& where) {
  const std::string common =
      "SELECT seq, id, type, data, time, cluster, node, instance, session, hostname, ";
  return "SELECT * FROM (" + common +
         "dead.kind AS kind, method, address, exchange, content_type, headers, persistent, data AS "
         "body, 0 AS queued, reason, target FROM dead LEFT JOIN dead_letter USING(seq) UNION ALL " +
         common +
         "outbox.kind, method, address, exchange, content_type, headers, persistent, body, 1, "
         "NULL, NULL FROM " +
         waiting + ") " + where + " ORDER BY queued, seq";
}
constexpr int queued_column = 18;
constexpr int reason_column = 19;
constexpr int target_column = 20;

std::string destination_of(const Message& message, const std::string& target) {
  if (message.kind == Kind::message) return {};
  if (!target.empty()) return target;
  return target_of(message);
}

// Text from a row, which may be damaged.
void put(Object& json, std::string_view name, const std::string& text) {
  if (!text.empty()) json.text(name, support::well_formed(text));
}

void put_content(Object& json, const Message& message, bool is_queued) {
  put(json, "cluster", message.from.cluster);
  put(json, "node", message.from.node);
  put(json, "hostname", message.hostname);
  put(json, "content_type", message.letter.content_type);
  if (!message.letter.headers.empty())
    json.object("headers", [&](Object& headers) {
      for (const auto& [name, value] : message.letter.headers)
        headers.text(support::well_formed(name), support::well_formed(value));
    });
  const std::string damage = damage_of(message);
  if (is_queued) put(json, "damage", damage);
  if (message.kind == Kind::message && damage.empty()) {
    json.json("data", message.data);
  } else if (support::is_utf8(message.data)) {
    json.text("body", message.data);
  } else {
    json.text("body_base64", support::base64(message.data));
  }
}

void put_row(JsonWriter& writer, const Statement& row, bool with_content) {
  const Message message = any_at(row);
  const bool is_queued = row.integer(queued_column) != 0;
  Object json(writer);
  json.text("id", support::well_formed(message.id));
  json.text("state", is_queued ? "queued" : "dead");
  put(json, "type", message.type);
  put(json, "to", destination_of(message, row.text(target_column)));
  put(json, "time", message.time);
  json.number("bytes", message.data.size());
  put(json, "reason", row.text(reason_column));
  if (with_content) put_content(json, message, is_queued);
}

constexpr const char* with_this_beginning = "WHERE substr(id, 1, length(?1)) = ?1";

}  // namespace

// The complete id of the one message that is meant.
std::string Outbox::complete_id(std::string_view beginning) {
  Statement row(*database_,
                "SELECT DISTINCT id FROM (SELECT id FROM outbox UNION ALL SELECT id "
                "FROM dead) " +
                    std::string(with_this_beginning));
  row.bind(beginning);
  const std::string wanted = support::well_formed(beginning);
  if (beginning.empty() || !row.step())
    throw Error(Errc::not_found, "no message in the outbox has the id '" + wanted + "'");
  std::string id = row.text(0);
  if (row.step())
    throw Error(Errc::failed, "several ids begin with '" + wanted + "'; write more of the id");
  return id;
}

std::string Outbox::list(std::string_view id) {
  return repairing([&] {
    reopen_if_replaced();
    const std::string complete = id.empty() ? "" : complete_id(id);
    Statement row(*database_, all_rows(source(all_kinds), id.empty() ? "" : "WHERE id = ?1"));
    if (!id.empty()) row.bind(complete);
    return support::json_text([&](JsonWriter& json) {
      json.StartArray();
      while (row.step()) put_row(json, row, !id.empty());
      json.EndArray();
    });
  });
}

void Outbox::requeue(int64_t dead) {
  limit_size(0);
  const std::string columns =
      "id, type, time, cluster, node, instance, session, hostname, kind, data) SELECT id, type, "
      "time, cluster, node, instance, session, hostname, kind, ";
  Statement(*database_, "INSERT INTO outbox(" + columns +
                            "CASE kind WHEN 1 THEN CAST(data AS TEXT) ELSE '' END FROM dead "
                            "WHERE seq = ?")
      .bind(dead)
      .run();
  Statement(*database_,
            "INSERT INTO letter SELECT ?, dead.kind, method, address, exchange, content_type, "
            "headers, persistent, data FROM dead_letter JOIN dead USING(seq) WHERE seq = ?")
      .bind(sqlite3_last_insert_rowid(database_->handle()))
      .bind(dead)
      .run();
}

uint64_t Outbox::retry(std::string_view id) {
  return repairing([&]() -> uint64_t {
    reopen_if_replaced();
    const std::string complete = id.empty() ? "" : complete_id(id);
    Transaction transaction(*database_);
    // Of a letter whose body was too large to keep nothing can be sent.
    Statement row(*database_,
                  "SELECT seq FROM dead WHERE (?1 = '' OR id = ?1) AND (kind = 1 OR "
                  "seq IN (SELECT seq FROM dead_letter)) ORDER BY seq");
    row.bind(complete);
    std::vector<int64_t> places;
    while (row.step()) places.push_back(row.integer(0));
    if (places.empty() && !id.empty())
      throw Error(Errc::failed, "'" + complete +
                                    "' is not a dead letter that can be sent again: it is still "
                                    "queued, or its body was too large to keep");
    for (const int64_t place : places) requeue(place);
    for (const int64_t place : places) drop_dead(place);
    transaction.commit();
    return places.size();
  });
}

void Outbox::drop_dead(int64_t place) {
  for (const char* table : {"dead_letter", "dead"})
    Statement(*database_, "DELETE FROM " + std::string(table) + " WHERE seq = ?").bind(place).run();
}

uint64_t Outbox::drop(std::string_view id) {
  return repairing([&]() -> uint64_t {
    reopen_if_replaced();
    const std::string complete = id.empty() ? "" : complete_id(id);
    uint64_t dropped = 0;
    with_room([&] {
      Transaction transaction(*database_);
      dropped = 0;
      const auto run = [&](const std::string& sql) {
        Statement(*database_, sql).bind(complete).run();
        return static_cast<uint64_t>(sqlite3_changes(database_->handle()));
      };
      const std::string meant = " WHERE ?1 = '' OR id = ?1";
      run("DELETE FROM dead_letter WHERE seq IN (SELECT seq FROM dead" + meant + ")");
      dropped += run("DELETE FROM dead" + meant);
      // What still waits only goes by its name.
      run("DELETE FROM letter WHERE seq IN (SELECT seq FROM outbox WHERE id = ?1)");
      dropped += run("DELETE FROM outbox WHERE id = ?1");
      transaction.commit();
    });
    return dropped;
  });
}

}  // namespace jetpack::session
