// The daemon's state, written by the worker and reported as JSON and metrics.
#include "jetpackd/board.hpp"

#include <algorithm>

#include "support/json_writer.hpp"
#include "support/prometheus.hpp"
#include "support/times.hpp"

namespace jetpack::jetpackd {

namespace {

using support::Object;

void add_text(Object& to, const char* name, const std::string& text) {
  if (!text.empty()) to.text(name, text);
}

void add_failure(Object& to, const char* name, const Failure& failure) {
  if (failure.text.empty()) return;
  to.object(name, [&](Object& object) {
    object.text("text", failure.text)
        .text("since", failure.since)
        .boolean("needs_person", failure.needs_person);
  });
}

uint64_t age_in_seconds(const std::string& time) {
  const auto point = support::parse_iso_8601(time);
  if (!point) return 0;
  const auto age = std::chrono::system_clock::now() - *point;
  return static_cast<uint64_t>(
      std::max<int64_t>(std::chrono::duration_cast<std::chrono::seconds>(age).count(), 0));
}

}  // namespace

void Board::note_contact() {
  const auto now = std::chrono::system_clock::now();
  update([&](State& state) {
    state.last_contact = support::iso_8601(now);
    state.last_contact_time = std::chrono::system_clock::to_time_t(now);
  });
}

std::string to_json(const State& state) {
  return support::json_object([&](Object& json) {
    json.number("pid", state.pid).text("version", state.version).text("started", state.started);
    add_text(json, "http", state.http);
    add_text(json, "last_contact", state.last_contact);
    add_failure(json, "failure", state.failure);
    json.number("delivered", state.delivered).number("dead", state.dead);
    json.number("retries", state.retries);
    json.object("outbox", [&](Object& outbox) {
      outbox.number("depth", state.depth).number("bytes", state.bytes);
      add_text(outbox, "oldest", state.oldest);
    });
    add_text(json, "userdata_version", state.userdata_version);
    add_failure(json, "userdata_failure", state.userdata_failure);
    if (state.events.empty()) return;
    json.list("events", state.events, [](support::JsonWriter& writer, const PendingEvent& event) {
      Object object(writer);
      object.text("event", event.kind).text("state", event.state);
      add_text(object, "not_before", event.not_before);
      add_text(object, "description", event.description);
    });
  });
}

std::string to_metrics(const State& state) {
  support::Metrics metrics("jetpackd_");
  metrics.add("gauge", "info",
              "Always 1; the labels are the versions of jetpackd and of its userdata.", 1,
              {{"version", state.version}, {"userdata_version", state.userdata_version}});
  metrics.add("gauge", "outbox_messages", "Queued messages.", state.depth);
  metrics.add("gauge", "outbox_bytes", "Size of the queued messages.", state.bytes);
  metrics.add("gauge", "outbox_oldest_age_seconds", "Age of the oldest queued message.",
              age_in_seconds(state.oldest));
  metrics.add("counter", "delivered_total", "Messages delivered since the start.", state.delivered);
  metrics.add("counter", "dead_total", "Messages rejected by the server or broker since the start.",
              state.dead);
  metrics.add("counter", "retries_total", "Failed delivery attempts since the start.",
              state.retries);
  metrics.add("gauge", "failing", "1 while delivery is failing, otherwise 0.",
              state.failure.text.empty() ? 0 : 1);
  metrics.add("gauge", "last_contact_timestamp_seconds",
              "Time of the last contact with the server or broker; 0 if none.",
              static_cast<uint64_t>(state.last_contact_time));
  metrics.add_process();
  return metrics.take();
}

}  // namespace jetpack::jetpackd
