#include <sys/stat.h>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "jetpackd/azure_events.hpp"
#include "jetpackd/event_journal.hpp"
#include "jetpackd/event_settings.hpp"
#include "support/json_writer.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::jetpackd {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const support::SystemTime now = *support::parse_iso_8601("2026-11-28T12:00:00Z");

std::string entry(const std::string& id, const std::string& type, const std::string& not_before,
                  const std::string& status = "Scheduled", const std::string& resource = "vm_1") {
  return R"({"EventId":")" + id + R"(","EventType":")" + type + R"(","EventStatus":")" + status +
         R"(","ResourceType":"VirtualMachine","Resources":["other",")" + resource +
         R"("],"NotBefore":")" + not_before + R"(","Description":"why","EventSource":"Platform"})";
}

std::vector<CloudEvent> read(const std::string& entries,
                             std::optional<support::SystemTime> clock = now) {
  return azure_events_in(R"({"DocumentIncarnation":3,"Events":[)" + entries + "]}", "VM_1", clock);
}

milliseconds left(const std::string& type, const std::string& not_before) {
  return read(entry("e", type, not_before)).at(0).time_left;
}

}  // namespace

TEST_CASE("scheduled events of Azure are read") {
  const auto events = read(entry("A-1", "Preempt", "Sat, 28 Nov 2026 12:00:20 GMT") + ',' +
                           entry("A-2", "Reboot", "", "Started") + ',' +
                           entry("A-1", "Preempt", "Sat, 28 Nov 2026 12:00:20 GMT") + ',' +
                           entry("A-3", "Freeze", "2026-11-28T12:05:00Z") + ',' +
                           entry("A-4", "Freeze", "", "Scheduled", "vm_10"));
  REQUIRE(events.size() == 3);
  CHECK(events[0].id == "A-1");
  CHECK(events[0].kind == "Preempt");
  CHECK(events[0].description == "why");
  CHECK(events[0].not_before == "2026-11-28T12:00:20Z");
  CHECK(events[0].time_left == seconds(20));
  CHECK_FALSE(events[0].has_begun);
  CHECK(events[1].has_begun);
  CHECK(events[2].time_left == seconds(300));
  CHECK(read("").empty());
}

TEST_CASE("events that nothing can be done about are left out") {
  CHECK(read(entry("e", "LiveMigration", "")).empty());
  CHECK(read(entry("", "Freeze", "")).empty());
  CHECK(read(entry("a b", "Freeze", "")).empty());
  CHECK(read(entry(std::string(200, 'x'), "Freeze", "")).empty());
  CHECK(read(R"({"EventId":1},7,null,{"Resources":"vm_1"},{"Resources":[1]})").empty());
}

// A clock that is an hour off neither ends a script early nor lets it run forever.
TEST_CASE("the time left is that by the service's clock, and at most the notice") {
  CHECK(left("Preempt", "Sat, 28 Nov 2026 13:00:20 GMT") == seconds(30));
  CHECK(left("Preempt", "Sat, 28 Nov 2026 11:00:20 GMT") == seconds(30));
  CHECK(left("Terminate", "Sat, 28 Nov 2026 12:10:00 GMT") == seconds(600));
  CHECK(left("Terminate", "soon") == seconds(900));
  CHECK(left("Redeploy", "") == seconds(600));
  const auto without = read(entry("e", "Preempt", "Sat, 28 Nov 2026 12:00:20 GMT"), std::nullopt);
  CHECK(without.at(0).time_left == seconds(30));
}

TEST_CASE("what is no document is an error") {
  for (const char* text : {"", "{", "[]", "{}", R"({"Events":{}})", R"({"Events":[{"EventId":"a")",
                           "<html>\x01\xff{\"Events\": ["})
    CHECK_THROWS_AS(azure_events_in(text, "vm", now), Error);
}

namespace {

// A configuration that says one thing of every key, or cannot be read.
struct OneValue {
  support::TemporaryDirectory home;
  std::string value;
  int32_t status = JP_OK;

  static int32_t get(void* self, jp_str, jp_str, uint32_t, jp_sink out, jp_error* err) {
    const auto& of = *static_cast<OneValue*>(self);
    if (of.status != JP_OK) return boundary::fill(err, of.status, "no");
    out.write(out.ctx, of.value.data(), of.value.size());
    return JP_OK;
  }
  static int32_t path(void* self, jp_str name, jp_sink out, jp_error*) {
    const std::string whole =
        static_cast<OneValue*>(self)->home.path() + '/' + std::string(boundary::view(name));
    out.write(out.ctx, whole.data(), whole.size());
    return JP_OK;
  }
  jp_config table{sizeof(jp_config), 0, this, &get, nullptr, &path};
};

}  // namespace

TEST_CASE("what was turned off stays off when the configuration cannot be read") {
  OneValue file{{}, "false"};
  REQUIRE(::mkdir(file.home.file("config").c_str(), 0700) == 0);
  const jetpack::Config config(file.table);
  support::LogFile log(file.home.file("log"));
  EventSettings settings(config, log);
  settings.refresh();
  CHECK_FALSE(settings.is_enabled);
  file.status = JP_CORRUPT;
  file.home.write("config/local.json", "{");
  settings.refresh();
  CHECK_FALSE(settings.is_enabled);
  file.status = JP_NOT_FOUND;
  file.home.write("config/local.json", "{}");
  settings.refresh();
  CHECK(settings.is_enabled);
}

TEST_CASE("the journal of events remembers that the cloud has answered, and each stage") {
  const support::TemporaryDirectory home;
  support::LogFile log(home.file("log"));
  {
    EventJournal journal(home.file("events"), log);
    CHECK_FALSE(journal.exists());
    journal.create();
    CHECK(journal.exists());
  }
  for (size_t i = 0; i < stage_names.size(); ++i) {
    EventJournal journal(home.file("events"), log);
    CHECK(journal.exists());
    CHECK(journal.records().size() == i);
    EventRecord record;
    record.id = stage_names.at(i);
    record.stage = static_cast<EventRecord::Stage>(i);
    journal.put(record);
    const EventJournal again(home.file("events"), log);
    REQUIRE(again.find(record.id) != nullptr);
    CHECK(again.find(record.id)->stage == record.stage);
  }
}

}  // namespace jetpack::jetpackd
