// The node arrays and scaling targets tables.
#include "store/target_table.hpp"

#include <algorithm>
#include <utility>

#include "store/batch.hpp"
#include "store/messages.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t history_kept = 31LL * 24 * 3600 * 1000;
constexpr int64_t max_history_points = 20'000;  // that are read at once
constexpr size_t max_nodearrays = 1000;         // of a cluster

std::optional<int64_t> asked(int64_t stored) {
  if (stored < 0) return std::nullopt;
  return stored;
}

using ArrayRow = Row<std::string, std::string, int64_t, int64_t, int64_t, int64_t, std::string,
                     int64_t, int64_t>;
const std::string array_columns =
    "SELECT name, definition, dynamic, removal, target_count, target_core_count, request_set, "
    "expires, scheduler FROM nodearrays";

NodeArray to_nodearray(const ArrayRow& row) {
  return {row.get<0>(),      row.get<1>(),        row.get<2>() != 0,
          row.get<3>() != 0, asked(row.get<4>()), asked(row.get<5>()),
          row.get<6>(),      row.get<7>(),        row.get<8>() != 0};
}

using PointRow = Row<int64_t, std::string, int64_t, int64_t>;

TargetPoint to_point(const PointRow& row) {
  return {row.get<0>(), row.get<1>(), asked(row.get<2>()), asked(row.get<3>())};
}

std::optional<NodeArray> find_nodearray(SqlSession& session, std::string_view cluster,
                                        std::string_view name) {
  const auto row = select_one<ArrayRow>(
      session, array_columns + " WHERE cluster = $1 AND name = $2", cluster, name);
  if (!row) return std::nullopt;
  return to_nodearray(*row);
}

NodeArray named(std::string_view name, bool is_dynamic) {
  NodeArray array;
  array.name = name;
  array.dynamic = is_dynamic;
  return array;
}

// The targets are no longer requested.
void clear(NodeArray& array) {
  if (array.count) array.count = 0;
  if (array.core_count) array.core_count = 0;
  array.expires = 0;
}

std::vector<NodeArray> arrays_of(SqlSession& session, std::string_view cluster) {
  std::vector<NodeArray> arrays;
  for (const auto& row :
       select<ArrayRow>(session, array_columns + " WHERE cluster = $1 ORDER BY name", cluster))
    arrays.push_back(to_nodearray(row));
  return arrays;
}

void apply_demand(ArrayChanges& arrays, const std::string& cluster, const AutoscaleRequest& request,
                  const Demand& demand, int64_t now) {
  NodeArray array = arrays.find(cluster, demand.nodearray).value_or(named(demand.nodearray, true));
  // A target in cores replaces one in nodes, and vice versa.
  if (demand.count || demand.core_count) {
    array.count = demand.count;
    array.core_count = demand.core_count;
  }
  array.definition = merge_json(array.definition, demand.definition);
  if (array.definition.size() > 2 * max_definition) array.definition = demand.definition;
  array.dynamic = array.dynamic || demand.dynamic;
  array.removal = false;
  array.request_set = request.request_set;
  array.expires = now + request.expires_after;
  arrays.put(cluster, std::move(array), now);
}

// No longer requested, because its request set does not name it.
void drop_demand(ArrayChanges& arrays, const std::string& cluster, NodeArray array, int64_t now) {
  clear(array);
  array.removal = array.dynamic;
  array.request_set.clear();
  arrays.put(cluster, std::move(array), now);
}

}  // namespace

const ArrayChanges::Arrays& ArrayChanges::of(const std::string& cluster) {
  const auto [known, is_new] = known_.try_emplace(cluster);
  if (is_new)
    for (auto& array : arrays_of(transaction_.session(), cluster))
      known->second.emplace(array.name, array);
  return known->second;
}

std::optional<NodeArray> ArrayChanges::find(const std::string& cluster, const std::string& name) {
  const Arrays& arrays = of(cluster);
  const auto found = arrays.find(name);
  if (found == arrays.end()) return std::nullopt;
  return found->second;
}

void ArrayChanges::put(const std::string& cluster, NodeArray array, int64_t time) {
  of(cluster);
  Arrays& arrays = known_[cluster];
  const auto before = arrays.find(array.name);
  const bool moved = before == arrays.end() || before->second.count != array.count ||
                     before->second.core_count != array.core_count;
  if (moved && (array.count || array.core_count))
    points_.push_back({cluster, {time, array.name, array.count, array.core_count}});
  changed_.emplace(cluster, array.name);
  arrays[array.name] = std::move(array);
}

void ArrayChanges::write() {
  write_arrays();
  write_points();
}

void ArrayChanges::write_arrays() {
  RowWriter rows(transaction_,
                 "INSERT INTO nodearrays (cluster, name, definition, dynamic, removal, "
                 "target_count, target_core_count, request_set, expires)",
                 " ON CONFLICT (cluster, name) DO UPDATE SET definition = excluded.definition, "
                 "dynamic = excluded.dynamic, removal = excluded.removal, "
                 "target_count = excluded.target_count, "
                 "target_core_count = excluded.target_core_count, "
                 "request_set = excluded.request_set, expires = excluded.expires");
  for (const auto& [cluster, name] : changed_) {
    const NodeArray& array = known_[cluster].at(name);
    rows.add(cluster, name, array.definition, array.dynamic, array.removal,
             array.count.value_or(-1), array.core_count.value_or(-1), array.request_set,
             array.expires);
    transaction_.changed("targets", cluster);
  }
  rows.finish();
}

void ArrayChanges::write_points() {
  RowWriter rows(transaction_,
                 "INSERT INTO target_history (time, cluster, nodearray, target_count, "
                 "target_core_count)");
  std::map<std::string, int64_t> newest;  // by cluster
  for (const auto& [cluster, point] : points_) {
    rows.add(point.time, cluster, point.nodearray, point.count.value_or(-1),
             point.core_count.value_or(-1));
    newest[cluster] = std::max(newest[cluster], point.time);
  }
  rows.finish();
  for (const auto& [cluster, time] : newest)
    execute(transaction_.session(), "DELETE FROM target_history WHERE cluster = $1 AND time < $2",
            cluster, time - history_kept);
}

void apply_autoscale(ArrayChanges& arrays, const std::string& cluster,
                     const AutoscaleRequest& request, int64_t now) {
  const auto is_asked_for = [&](const std::string& name) {
    return std::any_of(request.demands.begin(), request.demands.end(),
                       [&](const Demand& demand) { return demand.nodearray == name; });
  };
  std::vector<NodeArray> dropped;
  for (const auto& [name, array] : arrays.of(cluster))
    if (array.request_set == request.request_set && !is_asked_for(name)) dropped.push_back(array);
  for (auto& array : dropped) drop_demand(arrays, cluster, std::move(array), now);
  for (const auto& demand : request.demands) {
    const auto& known = arrays.of(cluster);
    if (known.size() < max_nodearrays || known.contains(demand.nodearray))
      apply_demand(arrays, cluster, request, demand, now);
  }
}

bool scale_nodearray(Transaction& transaction, std::string_view cluster, std::string_view nodearray,
                     std::optional<int64_t> count, std::optional<int64_t> core_count, int64_t now) {
  ArrayChanges arrays(transaction);
  const auto before = arrays.find(std::string(cluster), std::string(nodearray));
  if (!before) return false;
  NodeArray array = *before;
  array.count = count;
  array.core_count = core_count;
  array.removal = false;
  if (array.request_set.empty()) array.request_set = "standard";
  array.expires = now + default_expiry;
  arrays.put(std::string(cluster), array, now);
  arrays.write();
  return true;
}

void expire_targets(Transaction& transaction, int64_t now) {
  using Columns = Row<std::string, std::string>;
  ArrayChanges arrays(transaction);
  for (const auto& row :
       select<Columns>(transaction.session(),
                       "SELECT cluster, name FROM nodearrays WHERE expires > 0 AND expires <= $1 "
                       "LIMIT 1000",
                       now)) {
    auto array = arrays.find(row.get<0>(), row.get<1>());
    if (!array) continue;
    const int64_t expired = array->expires;
    clear(*array);
    array->removal = array->dynamic;
    arrays.put(row.get<0>(), *array, expired);
  }
  arrays.write();
}

std::vector<NodeArray> list_nodearrays(SqlSession& session, std::string_view cluster, int64_t now) {
  auto arrays = arrays_of(session, cluster);
  for (auto& array : arrays)
    if (array.expires != 0 && array.expires <= now) clear(array);
  return arrays;
}

std::vector<TargetPoint> target_history(SqlSession& session, std::string_view cluster,
                                        int64_t since) {
  const std::string columns =
      "SELECT time, nodearray, target_count, target_core_count FROM target_history ";
  const auto earlier = select<PointRow>(
      session,
      columns +
          "WHERE id IN (SELECT max(id) FROM target_history WHERE cluster = $1 AND time < $2 "
          "GROUP BY nodearray) ORDER BY id",
      cluster, since);
  auto later = select<PointRow>(
      session, columns + "WHERE cluster = $1 AND time >= $2 ORDER BY id DESC LIMIT $3", cluster,
      since, max_history_points);
  std::reverse(later.begin(), later.end());
  std::vector<TargetPoint> points;
  points.reserve(earlier.size() + later.size());
  for (const auto& row : earlier) points.push_back(to_point(row));
  for (const auto& row : later) points.push_back(to_point(row));
  return points;
}

bool put_nodearray(Transaction& transaction, std::string_view cluster, std::string_view name,
                   std::string_view definition, bool is_scheduler) {
  ArrayChanges arrays(transaction);
  const auto before = arrays.find(std::string(cluster), std::string(name));
  NodeArray array = before.value_or(named(name, false));
  array.definition = definition;
  array.dynamic = false;
  array.removal = false;
  arrays.put(std::string(cluster), array, 0);
  arrays.write();
  execute(transaction.session(),
          "UPDATE nodearrays SET scheduler = $1 WHERE cluster = $2 AND name = $3", is_scheduler,
          cluster, name);
  return !before;
}

bool remove_nodearray(Transaction& transaction, std::string_view cluster, std::string_view name) {
  SqlSession& session = transaction.session();
  if (!find_nodearray(session, cluster, name)) return false;
  execute(session, "DELETE FROM nodearrays WHERE cluster = $1 AND name = $2", cluster, name);
  execute(session, "DELETE FROM target_history WHERE cluster = $1 AND nodearray = $2", cluster,
          name);
  transaction.changed("targets", cluster);
  return true;
}

}  // namespace jetpack::hub
