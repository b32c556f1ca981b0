// jetpack/conditions.hpp: problems of this node, as the cluster and `jetpack condition list` show
// them.
//
//   const auto conditions = call.service<jetpack::Conditions>();
//   conditions.set("gpu", jetpack::Health::error, "GPU 3 fell off the bus");
//   conditions.set("gpu", jetpack::Health::ok);
#pragma once

#include <jetpack/boundary.hpp>
#include <jetpack/json.hpp>
#include <jetpack/session.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack {

enum class Health : uint32_t {
  ok = JP_HEALTH_OK,  // clears the condition
  na = JP_HEALTH_NA,  // not known
  warning = JP_HEALTH_WARNING,
  error = JP_HEALTH_ERROR,
};

// "OK", "NA", "Warning", "Error": as messages and listings have it. [thread-safe]
constexpr std::string_view health_text(Health health) noexcept {
  switch (health) {
    case Health::ok:
      return "OK";
    case Health::warning:
      return "Warning";
    case Health::error:
      return "Error";
    case Health::na:
      break;
  }
  return "NA";
}

// The health that a text of health_text() says; na for any other. [thread-safe]
constexpr Health health_of(std::string_view text) noexcept {
  for (const Health health : {Health::ok, Health::warning, Health::error})
    if (health_text(health) == text) return health;
  return Health::na;
}

// See jp_condition. Texts that are empty are left out.
struct Condition {
  std::string name;
  Health health = Health::na;
  std::string message = {};
  std::string description = {};
  std::string recommendations = {};
  std::string details = {};
  std::string action_type = {};
  std::string ghr_category = {};
  std::string since = {};  // of list(): ISO 8601
};

// The conditions of this node; see jp_conditions. Members throw Error. [any-thread]
class Conditions {
 public:
  static constexpr std::string_view id = JP_CONDITIONS;
  using Table = jp_conditions;
  using Wait = std::optional<std::chrono::milliseconds>;  // as of Session::publish
  using Warn = std::function<void(std::string_view line)>;
  using Cleared = std::function<void(std::string_view name, const Receipt& receipt)>;

  explicit Conditions(const Table& table) noexcept : table_(&table) {}

  // Sets a condition, replacing all of its texts, and reports it to the cluster. `warn` gets what a
  // person should know, such as that this node could not remember it. Errc::usage when the name is not
  // valid.
  Receipt set(const Condition& condition, Wait wait = std::nullopt, const Warn& warn = {}) const {
    jp_condition raw{};
    raw.size = sizeof raw;
    raw.health = static_cast<uint32_t>(condition.health);
    raw.name = boundary::borrow(condition.name);
    raw.message = boundary::borrow(condition.message);
    raw.description = boundary::borrow(condition.description);
    raw.recommendations = boundary::borrow(condition.recommendations);
    raw.details = boundary::borrow(condition.details);
    raw.action_type = boundary::borrow(condition.action_type);
    raw.ghr_category = boundary::borrow(condition.ghr_category);
    jp_receipt receipt{};
    receipt.size = sizeof receipt;
    boundary::Borrowed<Warn> warnings(warn);
    jp_error err{};
    warnings.check(table_->set(table_->self, &raw, milliseconds_of(wait), &receipt,
                               {&warnings, warn ? take_warning : nullptr}, &err),
                   err);
    return receipt_of(receipt);
  }
  Receipt set(std::string_view name, Health health, std::string_view message = {}) const {
    Condition condition;
    condition.name = name;
    condition.health = health;
    condition.message = message;
    return set(condition);
  }

  // All that are set on this node, by any plugin, sorted by name. Errc::corrupt when the file cannot be
  // understood.
  std::vector<Condition> list() const {
    std::string text;
    jp_error err{};
    boundary::check(table_->list(table_->self, boundary::append_to(text), &err), err);
    std::vector<Condition> all;
    for (const Json& entry : Json::parse(text, "the list of conditions").elements()) {
      Condition condition;
      condition.name = entry["name"].text_or("");
      condition.health = health_of(entry["status"].text_or(""));
      condition.message = entry["message"].text_or("");
      condition.description = entry["description"].text_or("");
      condition.recommendations = entry["recommendations"].text_or("");
      condition.details = entry["details"].text_or("");
      condition.action_type = entry["action_type"].text_or("");
      condition.ghr_category = entry["ghr_category"].text_or("");
      condition.since = entry["since"].text_or("");
      all.push_back(std::move(condition));
    }
    return all;
  }

  // Clears a condition and reports it; nullopt when there is none of that name.
  std::optional<Receipt> clear(std::string_view name, Wait wait = std::nullopt,
                               const Warn& warn = {}) const {
    if (name.empty()) throw Error(Errc::usage, "a condition needs a name");
    std::optional<Receipt> found;
    const Cleared keep = [&found](std::string_view, const Receipt& receipt) { found = receipt; };
    try {
      clear_those(name, wait, keep, warn);
    } catch (const Error& e) {
      if (e.code() != Errc::not_found) throw;
    }
    return found;
  }

  // Clears all; `cleared` is called for each.
  void clear_all(Wait wait = std::nullopt, const Cleared& cleared = {},
                 const Warn& warn = {}) const {
    clear_those("", wait, cleared, warn);
  }

 private:
  static int64_t milliseconds_of(const Wait& wait) {
    return wait ? int64_t{wait->count()} : JP_WAIT_DEFAULT;
  }

  void clear_those(std::string_view name, const Wait& wait, const Cleared& cleared,
                   const Warn& warn) const {
    boundary::Borrowed<Cleared> taken(cleared);
    boundary::Borrowed<Warn> warnings(warn);
    jp_error err{};
    const int32_t status =
        table_->clear(table_->self, boundary::borrow(name), milliseconds_of(wait),
                      {&taken, cleared ? take_cleared : nullptr},
                      {&warnings, warn ? take_warning : nullptr}, &err);
    if (taken.has_thrown()) taken.check(status, err);
    warnings.check(status, err);
  }

  static int32_t take_warning(void* ctx, const char* data, size_t size) noexcept {
    return static_cast<boundary::Borrowed<Warn>*>(ctx)->run(1, [&](const Warn& warn) {
      warn({data, size});
      return 0;
    });
  }

  static void take_cleared(void* ctx, jp_str name, const jp_receipt* receipt) noexcept {
    static_cast<boundary::Borrowed<Cleared>*>(ctx)->run(0, [&](const Cleared& cleared) {
      cleared(boundary::view(name), receipt_of(*receipt));
      return 0;
    });
  }

  const Table* table_;
};

}  // namespace jetpack
