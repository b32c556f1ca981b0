// The scheduled events of Azure's instance metadata service.
#include "jetpackd/azure_events.hpp"

#include <algorithm>
#include <array>

#include <jetpack/error.hpp>
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view instance_path = "/metadata/instance?api-version=2021-02-01";
constexpr std::string_view events_path = "/metadata/scheduledevents?api-version=2020-07-01";
constexpr uint64_t max_document = 256 << 10;
constexpr size_t max_events = 100, max_id = 128, max_description = 1024;
// Long, because whether one that was given up arrives all the same is not known.
constexpr milliseconds acknowledge_timeout{60'000};

// How long before an event Azure gives notice of it: no event has more time left.
struct Kind {
  std::string_view name;
  milliseconds notice;
};
constexpr std::array<Kind, 5> kinds = {{{"Preempt", seconds(30)},
                                        {"Terminate", minutes(15)},
                                        {"Redeploy", minutes(10)},
                                        {"Reboot", minutes(15)},
                                        {"Freeze", minutes(15)}}};

const Kind* find_kind(std::string_view name) {
  const auto* found =
      std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.name == name; });
  return found == kinds.end() ? nullptr : found;
}

bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= max_id &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// "Mon, 19 Sep 2016 18:29:47 GMT", and ISO 8601, which Microsoft's mock server has.
std::optional<support::SystemTime> time_in(const std::string& text) {
  if (const auto time = support::parse_http_date(text)) return support::SystemTime(*time);
  return support::parse_iso_8601(text);
}

bool is_for(const rapidjson::Value& event, const std::string& name) {
  const auto* resources = support::find_member(event, "Resources");
  if (resources == nullptr || !resources->IsArray()) return false;
  const auto list = resources->GetArray();
  // Azure's names have no case.
  return std::any_of(list.begin(), list.end(), [&](const rapidjson::Value& resource) {
    return support::is_string(resource) &&
           support::lower_case(support::text_of(resource)) == support::lower_case(name);
  });
}

// nullopt for one that cannot be read, or of a kind that has no script.
std::optional<CloudEvent> event_in(const rapidjson::Value& entry,
                                   std::optional<support::SystemTime> now) {
  CloudEvent event;
  event.id = support::text_or(entry, "EventId", "");
  event.kind = support::text_or(entry, "EventType", "");
  const Kind* kind = find_kind(event.kind);
  if (kind == nullptr || !is_plain(event.id)) return std::nullopt;
  event.description =
      support::cut(support::one_line(support::text_or(entry, "Description", "")), max_description);
  event.has_begun = support::text_or(entry, "EventStatus", "") == "Started";
  const auto time = time_in(support::text_or(entry, "NotBefore", ""));
  if (time) event.not_before = support::iso_8601_seconds(*time);
  // A clock that is off must not end a script early: the service's own counts, and where an event
  // that has not begun seems to be late, it is its notice.
  const auto left =
      time ? *time - now.value_or(std::chrono::system_clock::now()) : milliseconds(kind->notice);
  event.time_left =
      left > milliseconds::zero() ? std::min<milliseconds>(left, kind->notice) : kind->notice;
  return event;
}

[[noreturn]] void fail_with(const jetpack::Reply& reply, std::string_view path) {
  throw Error(Errc::failed, "the metadata service answered " + std::to_string(reply.status) +
                                " to " + std::string(path.substr(0, path.find('?'))));
}

}  // namespace

std::vector<CloudEvent> azure_events_in(const std::string& document, const std::string& name,
                                        std::optional<support::SystemTime> now) {
  const auto parsed = support::parse_json(document, "the scheduled events");
  const auto* list = support::find_member(parsed, "Events");
  if (list == nullptr || !list->IsArray())
    throw Error(Errc::corrupt, "the scheduled events have no list 'Events'");
  std::vector<CloudEvent> events;
  for (const auto& entry : list->GetArray()) {
    if (events.size() >= max_events) break;
    if (!is_for(entry, name)) continue;
    auto event = event_in(entry, now);
    const auto is_same = [&](const CloudEvent& known) { return known.id == event->id; };
    if (event && std::none_of(events.begin(), events.end(), is_same))
      events.push_back(*std::move(event));
  }
  return events;
}

jetpack::Reply AzureEvents::ask(std::string_view method, std::string_view path,
                                std::string_view body, milliseconds timeout) const {
  jetpack::Request request;
  request.method = method;
  request.path = path;
  request.body = body;
  request.timeout = timeout;
  request.max_reply = max_document;
  return session_.metadata(request);
}

std::vector<CloudEvent> AzureEvents::poll(milliseconds timeout) {
  if (name_.empty()) {
    const auto reply = ask("GET", instance_path, {}, timeout);
    if (reply.status != 200) fail_with(reply, instance_path);
    const auto document = support::parse_json(reply.body, "the instance document");
    const auto* compute = support::find_member(document, "compute");
    if (compute != nullptr) name_ = support::text_or(*compute, "name", "");
    if (name_.empty())
      throw Error(Errc::corrupt, "the instance document has no name of this machine");
  }
  const auto reply = ask("GET", events_path, {}, timeout);
  if (reply.status != 200) fail_with(reply, events_path);
  std::optional<support::SystemTime> now;
  if (reply.time > 0) now = support::from_unix_ms(reply.time * 1000);
  return azure_events_in(reply.body, name_, now);
}

void AzureEvents::acknowledge(const std::string& id) {
  const std::string body = support::json_object([&](support::Object& json) {
    json.list("StartRequests", std::array{id},
              [](support::JsonWriter& writer, std::string_view one) {
                support::Object(writer).text("EventId", one);
              });
  });
  const auto reply = ask("POST", events_path, body, acknowledge_timeout);
  if (reply.status < 200 || reply.status > 299) fail_with(reply, events_path);
}

}  // namespace jetpack::jetpackd
