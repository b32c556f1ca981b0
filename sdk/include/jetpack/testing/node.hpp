// jetpack/testing/node.hpp: what else a plugin finds on a node: its log, its conditions, itself.
// Part of jetpack/testing.hpp; include that.
#pragma once

#include <jetpack/conditions.hpp>
#include <jetpack/testing/session.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack::testing {

// A line of the agent's log.
struct LogLine {
  jp_level level;
  std::string text;
};

namespace detail {

// jetpack.log/1. Nothing is masked.
class FakeLog {
 public:
  FakeLog() {
    table.size = sizeof table;
    table.self = this;
    table.write = [](void* self, uint32_t level, jp_str message) {
      static_cast<FakeLog*>(self)->lines.push_back(
          {static_cast<jp_level>(level), std::string(boundary::view(message))});
    };
    table.redactor_open = [](void* self, void** redactor, jp_error*) -> int32_t {
      *redactor = self;
      return JP_OK;
    };
    table.redactor_feed = [](void*, void*, jp_str piece, jp_sink out, jp_error* err) {
      return boundary::guard(err, [&] { write_to(out, boundary::view(piece)); });
    };
    table.redactor_finish = [](void*, void*, jp_sink, uint64_t* secrets, jp_error*) -> int32_t {
      *secrets = 0;
      return JP_OK;
    };
    table.redactor_close = [](void*, void*) {};
  }
  FakeLog(const FakeLog&) = delete;
  FakeLog& operator=(const FakeLog&) = delete;

  jp_log table{};
  std::vector<LogLine> lines;
};

// jetpack.conditions/1; reports through the session, as the real one does.
class FakeConditions {
 public:
  explicit FakeConditions(FakeSession& session) : session_(session) {
    table.size = sizeof table;
    table.self = this;
    table.set = [](void* self, const jp_condition* condition, int64_t wait_ms, jp_receipt* receipt,
                   jp_sink, jp_error* err) {
      return boundary::guard(
          err, [&] { static_cast<FakeConditions*>(self)->set(*condition, wait_ms, receipt); });
    };
    table.list = [](void* self, jp_sink json, jp_error* err) {
      return boundary::guard(err, [&] {
        Json all = Json::array();
        for (const auto& entry : static_cast<FakeConditions*>(self)->all_) all.add(entry.second);
        write_to(json, all.dump());
      });
    };
    table.clear = [](void* self, jp_str name, int64_t wait_ms, jp_cleared cleared, jp_sink,
                     jp_error* err) {
      return boundary::guard(err, [&] {
        static_cast<FakeConditions*>(self)->clear(std::string(boundary::view(name)), wait_ms,
                                                  cleared);
      });
    };
  }
  FakeConditions(const FakeConditions&) = delete;
  FakeConditions& operator=(const FakeConditions&) = delete;

  jp_conditions table{};

 private:
  void set(const jp_condition& condition, int64_t wait_ms, jp_receipt* receipt) {
    const std::string name(boundary::view(condition.name));
    if (name.empty() || name.size() > 128)
      throw Error(Errc::usage, "'" + name + "' is not a valid condition name");
    Json data = Json::object().set("name", name);
    const auto add = [&](const char* member, jp_str text) {
      if (text.size > 0) data.set(member, boundary::view(text));
    };
    add("message", condition.message);
    add("description", condition.description);
    add("recommendations", condition.recommendations);
    add("details", condition.details);
    add("action_type", condition.action_type);
    add("ghr_category", condition.ghr_category);
    data.set("status", health_text(static_cast<Health>(condition.health)));
    session_.publish("condition", data.dump(), wait_ms, receipt);
    if (condition.health == JP_HEALTH_OK) {
      all_.erase(name);
    } else {
      all_[name] = data.set("since", "2026-01-01T00:00:00.000Z");
    }
  }

  void clear(const std::string& name, int64_t wait_ms, const jp_cleared& cleared) {
    if (!name.empty() && !all_.contains(name))
      throw Error(Errc::not_found, "no condition '" + name + "' is set on this node");
    std::vector<std::string> names;
    for (const auto& entry : all_)
      if (name.empty() || entry.first == name) names.push_back(entry.first);
    for (const auto& each : names) {
      jp_receipt receipt{};
      receipt.size = sizeof receipt;
      const Json data = Json::object().set("name", each).set("status", "OK");
      session_.publish("condition", data.dump(), wait_ms, &receipt);
      all_.erase(each);
      if (cleared.take != nullptr) cleared.take(cleared.ctx, boundary::borrow(each), &receipt);
    }
  }

  FakeSession& session_;
  std::map<std::string, Json> all_;
};

// jetpack.self/1, with directories below one of the test's.
class FakeSelf {
 public:
  FakeSelf(std::string plugin_id, std::string directory)
      : id_(std::move(plugin_id)), root_(std::move(directory)) {
    table.size = sizeof table;
    table.self = this;
    table.id = [](void* self, jp_sink out, jp_error* err) {
      return boundary::guard(err, [&] { write_to(out, static_cast<FakeSelf*>(self)->id_); });
    };
    table.plugin_dir = [](void* self, jp_sink out, jp_error* err) {
      return static_cast<FakeSelf*>(self)->give("/plugin", out, err);
    };
    table.state_dir = [](void* self, jp_sink out, jp_error* err) {
      auto& fake = *static_cast<FakeSelf*>(self);
      return fake.give("/home/var/plugins/" + fake.id_, out, err);
    };
    table.temp_dir = [](void* self, jp_sink out, jp_error* err) {
      return static_cast<FakeSelf*>(self)->give("/temp", out, err);
    };
    table.cancelled = [](void* self) -> int32_t {
      auto& fake = *static_cast<FakeSelf*>(self);
      return fake.asked_before_cancelled-- > 0 ? 0 : 1;
    };
  }
  FakeSelf(const FakeSelf&) = delete;
  FakeSelf& operator=(const FakeSelf&) = delete;

  void end() const { std::filesystem::remove_all(root_ + "/temp"); }

  jp_self table{};
  int64_t asked_before_cancelled = INT64_MAX;

 private:
  int32_t give(const std::string& name, const jp_sink& out, jp_error* err) const {
    return boundary::guard(err, [&] {
      std::filesystem::create_directories(root_ + name);
      write_to(out, root_ + name);
    });
  }

  std::string id_;
  std::string root_;
};

}  // namespace detail
}  // namespace jetpack::testing
