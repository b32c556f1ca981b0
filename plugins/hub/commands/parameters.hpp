// The options and arguments that many of the hub's commands have, worded once.
#pragma once

#include <jetpack/plugin.hpp>
#include "support/shown_time.hpp"

namespace jetpack::hub::declared {

consteval Parameter data() {
  return option("data", "DIR", "The hub's data directory; by default hub in the home tree");
}

consteval Parameter database() {
  return option("database", "URL",
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE; by default SQLite in --data");
}

consteval Parameter json() { return flag("json", "Print JSON"); }

consteval Parameter times() { return support::time_option(); }

consteval Parameter cluster() {
  return option("cluster", 'c', "NAME", "The cluster; by default this node's own")
      .values_from("hub cluster list --names");
}

consteval Parameter any_cluster() {
  return option("cluster", 'c', "NAME",
                "The cluster; by default this node's own, with --data or --database all")
      .values_from("hub cluster list --names");
}

consteval Parameter limit() {
  return option("limit", 'n', "N", "Print only the newest N").integer(1, 100'000).fallback("100");
}

consteval Parameter file() {
  return option("file", 'f', "FILE", "Read a JSON object from FILE; - is standard input");
}

consteval Parameter container() {
  return option("container", "NAME", "The container; by default that of --cluster, or of reports");
}

consteval Parameter scheduler() {
  return flag("scheduler", "Let it create, start and stop the nodes of its cluster");
}

consteval Parameter reason() {
  return option("reason", "TEXT", "Why, for the event log and the cluster page");
}

consteval Parameter names() { return flag("names", "Print only the names, a line each"); }

consteval Parameter nodes() {
  return argument("NAME", "The nodes").values_from("hub node list --names").repeated();
}

consteval Parameter node() {
  return argument("NAME", "The node").values_from("hub node list --names");
}

consteval Parameter nodearray() {
  return argument("NAME", "The node array").values_from("hub nodearray list --names");
}

consteval Parameter user() {
  return argument("NAME", "The user").values_from("hub user list --names");
}

consteval Parameter own_or_named_cluster() {
  return argument("NAME", "The cluster; by default this node's own")
      .values_from("hub cluster list --names")
      .optional();
}

consteval Description queries_hub() {
  return description(
      "Queries the hub as this node, for its own cluster; with --data or --database "
      "as the hub's administrator, directly on its database.");
}

consteval Description works_on_database() {
  return description(
      "Works as the hub's administrator, directly on its database, whether the hub "
      "runs or not.");
}

consteval Description records_operation() {
  return description(
      "Works as the hub's administrator, directly on its database, whether the hub "
      "runs or not. Records an operation and sets the phase of the nodes; the hub "
      "itself starts and stops no machines.");
}

consteval Description works_on_blobs() {
  return description(
      "Works as the hub's administrator, directly on its data directory, whether "
      "the hub runs or not.");
}

consteval Description works_on_simulation() {
  return description(
      "Works on the data directory of a hub that serves with --simulate-azure, whether it runs "
      "or not.");
}

}  // namespace jetpack::hub::declared
