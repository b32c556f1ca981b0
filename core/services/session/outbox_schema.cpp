// The tables of run/outbox.db, and messages as their rows.
#include "services/session/outbox_schema.hpp"

#include <jetpack/error.hpp>
#include "services/session/shared_file.hpp"
#include "support/file_lock.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::session {

namespace {

constexpr int64_t schema_version = 3;

// A schema is made by going through all the versions, so that a new one and an upgraded one are
// the same.
constexpr const char* to_version_1 = R"(
  CREATE TABLE outbox(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, type TEXT NOT NULL,
    data TEXT NOT NULL, time TEXT NOT NULL, cluster TEXT, node TEXT, instance TEXT, session TEXT,
    hostname TEXT, attempts INTEGER NOT NULL DEFAULT 0, error TEXT);
  CREATE TABLE dead(
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL,
    time TEXT NOT NULL, cluster TEXT, node TEXT, instance TEXT, session TEXT, hostname TEXT,
    reason TEXT NOT NULL);
)";

// A column more takes no copying, so that an upgrade needs no time and hardly any space. A letter's
// body stands last, and in a table of its own, so that passing over a letter does not read it.
constexpr const char* to_version_2 = R"(
  ALTER TABLE outbox ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE dead ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE dead ADD COLUMN target TEXT;
  CREATE TABLE letter(
    seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, method TEXT NOT NULL, address TEXT NOT NULL,
    exchange TEXT NOT NULL, content_type TEXT NOT NULL, headers TEXT NOT NULL,
    persistent INTEGER NOT NULL, body BLOB NOT NULL);
)";

// What a dead letter needs beside its row in `dead` to be sent again; its body is dead.data.
constexpr const char* to_version_3 = R"(
  CREATE TABLE dead_letter(
    seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, method TEXT NOT NULL, address TEXT NOT NULL,
    exchange TEXT NOT NULL, content_type TEXT NOT NULL, headers TEXT NOT NULL,
    persistent INTEGER NOT NULL);
  PRAGMA user_version = 3;
)";

constexpr std::string_view message_columns =
    "outbox.seq, id, type, data, time, cluster, node, instance, session, hostname";
constexpr std::string_view letter_columns =
    ", outbox.kind, method, address, exchange, content_type, headers, persistent, body";
constexpr int data_column = 3;
constexpr int kind_column = 10;
constexpr int body_column = 17;

using support::JsonWriter;

void put(JsonWriter& json, const std::string& text) {
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

// [["name", "value"], ...]
std::string to_text(const std::vector<std::pair<std::string, std::string>>& headers) {
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  json.StartArray();
  for (const auto& [name, value] : headers) {
    json.StartArray();
    put(json, name);
    put(json, value);
    json.EndArray();
  }
  json.EndArray();
  return {buffer.GetString(), buffer.GetSize()};
}

std::vector<std::pair<std::string, std::string>> headers_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> headers;
  const support::Json json = support::Json::parse(text, "a letter's headers");
  const auto is_text = [](const rapidjson::Value& value) { return support::is_string(value); };
  if (!json.root().IsArray()) throw Error(Errc::corrupt, "its headers are not a list");
  for (const auto& pair : json.root().GetArray()) {
    if (!pair.IsArray() || pair.Size() != 2 || !is_text(pair[0]) || !is_text(pair[1]))
      throw Error(Errc::corrupt, "its headers are not pairs of text");
    headers.emplace_back(support::text_of(pair[0]), support::text_of(pair[1]));
  }
  return headers;
}

int64_t insert_row(Database& database, const Message& message) {
  Statement statement(database,
                      "INSERT INTO outbox(id, type, data, time, cluster, node, instance, session, "
                      "hostname, kind) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const bool is_letter = message.kind != Kind::message;
  statement.bind(message.id).bind(message.type);
  statement.bind(is_letter ? std::string_view() : std::string_view(message.data));
  statement.bind(message.time);
  statement.bind_known(message.from.cluster).bind_known(message.from.node);
  statement.bind_known(message.from.instance).bind_known(message.from.session);
  statement.bind_known(message.hostname).bind(number(message.kind)).run();
  return sqlite3_last_insert_rowid(database.handle());
}

void insert_letter(Database& database, int64_t seq, const Message& message) {
  const Letter& letter = message.letter;
  const std::string headers = to_text(letter.headers);
  Statement(database, "INSERT INTO letter VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(seq)
      .bind(number(message.kind))
      .bind(letter.method)
      .bind(letter.address)
      .bind(letter.exchange)
      .bind(letter.content_type)
      .bind(headers)
      .bind(int64_t{letter.persistent})
      .bind_blob(message.data)
      .run();
}

}  // namespace

void prepare_schema(Database& database, const std::string& path, const std::string& directory,
                    std::chrono::milliseconds longest_wait) {
  if (database.integer("PRAGMA user_version") == schema_version) return;
  // One at a time: changing the journal mode does not wait for others.
  const auto lock = support::FileLock::wait(shared_file(directory, "outbox.setup.lock"),
                                            shared_mode, longest_wait);
  const int64_t version = database.integer("PRAGMA user_version");
  if (version == schema_version) return;
  if (version < 0)
    throw DatabaseError(Errc::corrupt, path + " has no valid version", SQLITE_CORRUPT, false);
  if (version > schema_version)
    throw Error(Errc::unsupported, "cannot use " + path + ": it has version " +
                                       std::to_string(version) + ", and this jetpack knows " +
                                       std::to_string(schema_version) +
                                       "; install a newer jetpack");
  if (version == 0) database.execute("PRAGMA journal_mode = WAL");
  Transaction transaction(database);
  if (version == 0) database.execute(to_version_1);
  if (version < 2) database.execute(to_version_2);
  database.execute(to_version_3);
  transaction.commit();
}

std::string select_messages(const std::string& source) {
  return "SELECT " + std::string(message_columns) + " FROM " + source + " ORDER BY seq";
}

std::string select_any(const std::string& source) {
  return "SELECT " + std::string(message_columns) + std::string(letter_columns) + " FROM " +
         source + " ORDER BY outbox.seq";
}

// A row of message_columns.
Message message_at(const Statement& row) {
  Message message;
  message.seq = row.integer(0);
  message.id = row.text(1);
  message.type = row.text(2);
  message.data = row.text(data_column);
  message.time = row.text(4);
  message.from = {row.text(5), row.text(6), row.text(7), row.text(8)};
  message.hostname = row.text(9);
  return message;
}

// A row of message_columns and letter_columns.
Message any_at(const Statement& row) {
  Message message = message_at(row);
  const int64_t kind = row.integer(kind_column);
  if (kind == number(Kind::message)) return message;
  if (kind != number(Kind::letter_to_server) && kind != number(Kind::letter_to_broker)) {
    message.damage = "it is of an unknown kind";
    return message;
  }
  message.kind = static_cast<Kind>(kind);
  message.data = row.text(body_column);
  try {
    message.letter = {
        row.text(11),        row.text(12), row.text(13), row.text(14), headers_of(row.text(15)),
        row.integer(16) != 0};
  } catch (const Error& e) {
    message.damage = e.what();
  }
  return message;
}

std::string target_of(const Message& message) {
  const Letter& letter = message.letter;
  if (message.kind == Kind::letter_to_server) return letter.method + ' ' + letter.address;
  if (message.kind == Kind::letter_to_broker)
    return "exchange '" + letter.exchange + "', routing key '" + letter.address + "'";
  return {};
}

uint64_t data_size(const Statement& row) { return row.size(data_column) + row.size(body_column); }

int64_t number(Kind kind) { return static_cast<int64_t>(kind); }

int64_t insert(Database& database, const Message& message) {
  const int64_t seq = insert_row(database, message);
  if (message.kind != Kind::message) insert_letter(database, seq, message);
  return seq;
}

}  // namespace jetpack::session
