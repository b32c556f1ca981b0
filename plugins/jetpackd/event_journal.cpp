// config/scheduled_events.json: what was done about the cloud's events.
#include "jetpackd/event_journal.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;

constexpr uint64_t max_journal = 4 << 20;
constexpr size_t most_records = 200;
constexpr unsigned journal_mode = 0600;

EventRecord record_in(const rapidjson::Value& entry) {
  EventRecord record;
  record.id = support::text_or(entry, "id", "");
  record.kind = support::text_or(entry, "kind", "");
  record.failure = support::text_or(entry, "failure", "");
  const std::string stage = support::text_or(entry, "stage", "");
  const auto* name = std::find(stage_names.begin(), stage_names.end(), stage);
  const auto* done = support::find_member(entry, "done");
  if (record.id.empty() || name == stage_names.end() || done == nullptr || !done->IsArray())
    throw Error(Errc::corrupt, "an event has no id, stage or list 'done'");
  record.stage = static_cast<EventRecord::Stage>(name - stage_names.begin());
  for (const auto& script : done->GetArray())
    if (support::is_string(script)) record.done.emplace_back(support::text_of(script));
  return record;
}

std::string journal_json(const std::vector<EventRecord>& records) {
  return support::json_object([&](support::Object& json) {
    json.list("events", records, [](support::JsonWriter& writer, const EventRecord& record) {
      support::Object object(writer);
      object.text("id", record.id)
          .text("kind", record.kind)
          .text("stage", stage_names.at(static_cast<size_t>(record.stage)))
          .texts("done", record.done);
      if (!record.failure.empty()) object.text("failure", record.failure);
    });
  });
}

}  // namespace

EventJournal::EventJournal(std::string path, support::LogFile& log)
    : path_(std::move(path)), log_(log) {
  try {
    load();
  } catch (const Error& e) {
    records_.clear();
    std::string text = std::string(e.what()) + "; starting without it";
    if (e.code() == Errc::corrupt) {
      try {
        text += ", moved to " + support::move_aside(path_);
      } catch (const Error& why) {
        text += ", and " + std::string(why.what());
      }
    }
    log_.error(text);
  }
}

void EventJournal::load() {
  const auto text = support::read_private_file(path_, max_journal);
  if (!text) return;
  exists_ = true;
  const auto document = support::parse_json(*text, path_, support::JsonRules::strict);
  const auto* list = support::find_member(document, "events");
  if (list == nullptr || !list->IsArray())
    throw Error(Errc::corrupt, path_ + ": the list 'events' is missing");
  for (const auto& entry : list->GetArray()) records_.push_back(record_in(entry));
}

const EventRecord* EventJournal::find(std::string_view id) const {
  const auto found = std::find_if(records_.begin(), records_.end(),
                                  [&](const EventRecord& record) { return record.id == id; });
  return found == records_.end() ? nullptr : &*found;
}

void EventJournal::put(const EventRecord& record) {
  const auto known = std::find_if(records_.begin(), records_.end(),
                                  [&](const EventRecord& other) { return other.id == record.id; });
  if (known != records_.end()) {
    *known = record;
  } else {
    records_.push_back(record);
  }
  if (records_.size() > most_records) records_.erase(records_.begin());
  save();
}

void EventJournal::create() {
  if (!exists_) save();
}

void EventJournal::save() {
  exists_ = true;
  try {
    support::write_durably(path_, journal_json(records_), journal_mode);
    reported_.clear();
  } catch (const Error& e) {
    if (reported_ == e.what()) return;
    reported_ = e.what();
    log_.error(reported_ +
               "; if jetpackd is killed now, scripts of scheduled events may run twice");
  }
}

}  // namespace jetpack::jetpackd
