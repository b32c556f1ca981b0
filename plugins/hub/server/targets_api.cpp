// The chart of the cluster page: GET /api/targets.
#include "server/targets_api.hpp"

#include <jetpack/error.hpp>
#include "common/text.hpp"
#include "store/history_table.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t hour_ms = 3'600'000;

}  // namespace

std::string answer_targets(SqlSession& session, const Query& query) {
  if (query.cluster.empty()) throw Error(Errc::usage, "'cluster' is required");
  const int64_t now = now_ms();
  const auto arrays = list_nodearrays(session, query.cluster, now);
  const auto history = target_history(session, query.cluster, now - query.hours * hour_ms);
  const auto ready = ready_history(session, query.cluster, now - query.hours * hour_ms);
  return support::json_object([&](support::Object& object) {
    object.list("nodearrays", arrays, [](support::JsonWriter& writer, const NodeArray& array) {
      support::Object(writer)
          .text("name", array.name)
          .number("target_count", array.count)
          .number("target_core_count", array.core_count)
          .time("expires", array.expires)
          .text("request_set", array.request_set)
          .boolean("dynamic", array.dynamic)
          .boolean("removal", array.removal)
          .boolean("scheduler", array.scheduler);
    });
    object.list("history", history, [](support::JsonWriter& writer, const TargetPoint& point) {
      support::Object(writer)
          .time("time", point.time)
          .text("nodearray", point.nodearray)
          .number("target_count", point.count)
          .number("target_core_count", point.core_count);
    });
    object.list("ready", ready, [](support::JsonWriter& writer, const ReadyPoint& point) {
      support::Object(writer)
          .time("time", point.time)
          .text("nodearray", point.nodearray)
          .number("nodes", point.nodes)
          .number("cores", point.cores);
    });
  });
}

}  // namespace jetpack::hub
