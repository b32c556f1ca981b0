// jetpack.conditions/1: changes the list of this node's conditions and reports them, under one lock,
// so that the server gets the changes in their order.
#include "services/conditions/conditions_service.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include <jetpack/boundary.hpp>
#include "services/conditions/condition_file.hpp"
#include "services/results.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t max_name = 128;

ConditionFile::Warn into(const jp_sink& warnings) {
  return [&warnings](const std::string& text) {
    if (warnings.write != nullptr) write_to(warnings, text, "the caller did not take a warning");
  };
}

std::string checked_name(std::string_view name) {
  if (name.empty() || name.size() > max_name || support::one_line(name) != name)
    throw Error(Errc::usage, "'" + support::one_line(name.substr(0, 80)) +
                                 "' is not a valid condition name; expected 1 to " +
                                 std::to_string(max_name) + " bytes of printable text");
  return std::string(name);
}

const char* status_of(uint32_t health) {
  switch (health) {
    case JP_HEALTH_OK:
      return "OK";
    case JP_HEALTH_NA:
      return "NA";
    case JP_HEALTH_WARNING:
      return "Warning";
    case JP_HEALTH_ERROR:
      return "Error";
    default:
      throw Error(Errc::usage, std::to_string(health) + " is not a jp_health");
  }
}

ConditionTexts texts_of(const jp_condition& condition, const ConditionFile::Warn& warn) {
  if (condition.size < sizeof(jp_condition))
    throw Error(Errc::usage, "a jp_condition is shorter than this jetpack expects");
  ConditionTexts texts{{"status", status_of(condition.health)}};
  const std::pair<const char*, jp_str> given[] = {{"message", condition.message},
                                                  {"description", condition.description},
                                                  {"recommendations", condition.recommendations},
                                                  {"details", condition.details},
                                                  {"action_type", condition.action_type},
                                                  {"ghr_category", condition.ghr_category}};
  for (const auto& [member, text] : given) {
    if (text.size == 0) continue;
    std::string whole = support::well_formed(boundary::view(text));
    if (whole.size() > max_condition_text)
      warn(std::string(member) + " has " + std::to_string(whole.size()) + " bytes, the limit is " +
           std::to_string(max_condition_text) + ", the rest is cut");
    texts[member] = support::cut(whole, max_condition_text);
  }
  if (texts.contains("action_type") != texts.contains("ghr_category"))
    throw Error(Errc::usage, "an action type and a GHR category must be used together");
  return texts;
}

// The list while it is changed; nullopt when this node cannot keep one, which is a warning.
std::optional<ConditionFile> open_file(const Home& home, const ConditionFile::Warn& warn) {
  try {
    return std::optional<ConditionFile>(std::in_place, home.path("run"), warn);
  } catch (const Error& e) {
    warn(std::string("not recorded on this node: ") + e.what());
    return std::nullopt;
  }
}

// How long one of several messages may wait: all share the time, and once one is only queued, the
// rest is too.
class Patience {
 public:
  explicit Patience(int64_t wait_ms) : wait_ms_(wait_ms) {}

  int64_t left() const {
    if (wait_ms_ < 0) return is_queueing_ ? 0 : wait_ms_;
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start_);
    return std::max<int64_t>(wait_ms_ - spent.count(), 0);
  }
  void note(const jp_receipt& receipt) { is_queueing_ |= receipt.delivery != JP_DELIVERED; }

 private:
  int64_t wait_ms_;
  Clock::time_point start_ = Clock::now();
  bool is_queueing_ = false;
};

}  // namespace

ConditionsService::ConditionsService(const Home& home, FindSession find_session)
    : home_(home), find_session_(std::move(find_session)), table_{} {
  table_.size = sizeof table_;
  table_.self = this;
  table_.set = [](void* self, const jp_condition* condition, int64_t wait_ms, jp_receipt* receipt,
                  jp_sink warnings, jp_error* err) {
    return boundary::guard(err, [&] {
      static_cast<const ConditionsService*>(self)->set(*condition, wait_ms, receipt, warnings);
    });
  };
  table_.list = [](void* self, jp_sink json, jp_error* err) {
    return boundary::guard(err, [&] { static_cast<const ConditionsService*>(self)->list(json); });
  };
  table_.clear = [](void* self, jp_str name, int64_t wait_ms, jp_cleared cleared, jp_sink warnings,
                    jp_error* err) {
    return boundary::guard(err, [&] {
      static_cast<const ConditionsService*>(self)->clear(std::string(boundary::view(name)), wait_ms,
                                                         cleared, warnings);
    });
  };
}

void ConditionsService::publish(const std::string& data, int64_t wait_ms,
                                jp_receipt* receipt) const {
  const jp_session& session = find_session_();
  jp_message message{};
  message.size = sizeof message;
  message.type = boundary::borrow("condition");
  message.data = boundary::borrow(data);
  message.wait_ms = wait_ms;
  jp_error err{};
  boundary::check(session.publish(session.self, &message, receipt, &err), err);
}

void ConditionsService::set(const jp_condition& condition, int64_t wait_ms, jp_receipt* receipt,
                            const jp_sink& warnings) const {
  const auto warn = into(warnings);
  const std::string name = checked_name(boundary::view(condition.name));
  const ConditionTexts texts = texts_of(condition, warn);
  const bool is_ok = condition.health == JP_HEALTH_OK;
  auto file = open_file(home_, warn);
  if (file && is_ok) file->remove(name);
  if (file && !is_ok) file->set(name, texts);
  publish(condition_message(name, texts), wait_ms, receipt);
}

void ConditionsService::list(const jp_sink& json) const {
  const auto all = read_conditions(home_.path("run/conditions.json"));
  write_to(json, support::json_array(all, [](support::JsonWriter& writer, const auto& entry) {
             support::Object condition(writer);
             condition.text("name", entry.first);
             for (const auto& [member, text] : entry.second) condition.text(member, text);
           }));
}

void ConditionsService::clear(const std::string& name, int64_t wait_ms, const jp_cleared& cleared,
                              const jp_sink& warnings) const {
  std::vector<std::string> names;
  if (!name.empty()) names.push_back(checked_name(name));
  auto file = open_file(home_, into(warnings));
  if (!file && name.empty()) throw Error(Errc::failed, "the conditions of this node are not known");
  if (file && !name.empty() && !file->all().contains(name))
    throw Error(Errc::not_found, "no condition '" + name + "' is set on this node");
  if (name.empty())
    for (const auto& entry : file->all()) names.push_back(entry.first);
  Patience patience(wait_ms);
  for (const auto& each : names) {
    if (file) file->remove(each);
    jp_receipt receipt{};
    receipt.size = sizeof receipt;
    publish(condition_message(each, {{"status", "OK"}}), patience.left(), &receipt);
    patience.note(receipt);
    if (cleared.take != nullptr) cleared.take(cleared.ctx, boundary::borrow(each), &receipt);
  }
}

}  // namespace jetpack
