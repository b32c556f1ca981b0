// What is in run/outbox.db, for people and jp_session.outbox.

#include "services/session/outbox_schema.hpp"
#include "support/json_writer.hpp"

namespace jetpack::session {

namespace {

using support::JsonWriter;

void put(JsonWriter& json, const char* key, const std::string& text) {
  json.Key(key);
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_dead(JsonWriter& json, Database& database) {
  json.Key("dead");
  json.StartArray();
  Statement row(database, "SELECT id, type, time, reason, target FROM dead ORDER BY seq");
  while (row.step()) {
    json.StartObject();
    put(json, "id", row.text(0));
    put(json, "type", row.text(1));
    put(json, "time", row.text(2));
    put(json, "reason", row.text(3));
    if (const std::string target = row.text(4); !target.empty()) put(json, "to", target);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

std::string status_json(Database& database, const std::string& waiting) {
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  json.StartObject();
  Statement row(database,
                "SELECT count(*), coalesce(sum(length(CAST(data AS BLOB)) + "
                "coalesce(length(body), 0)), 0), min(time) FROM " +
                    waiting);
  row.step();
  json.Key("depth");
  json.Int64(row.integer(0));
  json.Key("bytes");
  json.Int64(row.integer(1));
  if (row.integer(0) > 0) {
    put(json, "oldest", row.text(2));
  } else {
    json.Key("oldest");
    json.Null();
  }
  write_dead(json, database);
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

}  // namespace jetpack::session
