// The node arrays and scaling targets tables.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/database.hpp"
#include "store/reports.hpp"

namespace jetpack::hub {

struct NodeArray {
  std::string name;
  std::string definition = "{}";  // a JSON object
  bool dynamic = false;
  bool removal = false;  // no longer requested: it is removed with its last node
  std::optional<int64_t> count, core_count;
  std::string request_set;
  int64_t expires = 0;     // Unix milliseconds; 0: never
  bool scheduler = false;  // whether its nodes act for their cluster; set by administrators alone
};

// A point of the chart: the target from this moment on.
struct TargetPoint {
  int64_t time = 0;
  std::string nodearray;
  std::optional<int64_t> count, core_count;
};

// The arrays of clusters as a transaction changes them: each cluster's are read once, and written
// together by write().
class ArrayChanges {
 public:
  explicit ArrayChanges(Transaction& transaction) : transaction_(transaction) {}
  ArrayChanges(const ArrayChanges&) = delete;
  ArrayChanges& operator=(const ArrayChanges&) = delete;

  using Arrays = std::map<std::string, NodeArray>;
  const Arrays& of(const std::string& cluster);
  std::optional<NodeArray> find(const std::string& cluster, const std::string& name);
  // Creates or replaces the array; a target that differs is a point of the chart.
  void put(const std::string& cluster, NodeArray array, int64_t time);
  void write();

 private:
  void write_arrays();
  void write_points();

  struct Point {
    std::string cluster;
    TargetPoint point;
  };

  Transaction& transaction_;
  std::map<std::string, Arrays> known_;
  std::set<std::pair<std::string, std::string>> changed_;
  std::vector<Point> points_;
};

// Applies a scheduler's demand: its definitions are merged into the arrays, which are created if
// missing; arrays that only an earlier request of the same set named are no longer requested.
void apply_autoscale(ArrayChanges& arrays, const std::string& cluster,
                     const AutoscaleRequest& request, int64_t now);

// Sets one target of an array that exists; false when it does not.
bool scale_nodearray(Transaction& transaction, std::string_view cluster, std::string_view nodearray,
                     std::optional<int64_t> count, std::optional<int64_t> core_count, int64_t now);

// Sets expired targets to 0.
void expire_targets(Transaction& transaction, int64_t now);

// By name. What has expired at `now` is shown as 0.
std::vector<NodeArray> list_nodearrays(SqlSession& session, std::string_view cluster, int64_t now);
// Of each array the last point before `since`, and all later ones; oldest first.
std::vector<TargetPoint> target_history(SqlSession& session, std::string_view cluster,
                                        int64_t since);

// Creates the array or replaces its definition and mark; true when it is new.
bool put_nodearray(Transaction& transaction, std::string_view cluster, std::string_view name,
                   std::string_view definition, bool is_scheduler);
bool remove_nodearray(Transaction& transaction, std::string_view cluster, std::string_view name);

}  // namespace jetpack::hub
