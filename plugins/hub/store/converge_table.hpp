// The converges and converge_steps tables: the last converge of each node, step by step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.hpp"
#include "store/reports.hpp"

namespace jetpack::hub {

struct StoredConverge {
  std::string run, mode, status, message;  // as in ConvergeReport
  int64_t started = 0;                     // Unix milliseconds, by the node's clock
  int64_t updated = 0;                     // when the hub heard of it last
  std::vector<ConvergeStep> steps;         // by number
};

// Adds a report to the node's converge; one of another run replaces what was there.
void put_converge(Transaction& transaction, std::string_view cluster, std::string_view node,
                  const ConvergeReport& report, int64_t now);

// nullopt: the node has reported none.
std::optional<StoredConverge> find_converge(SqlSession& session, std::string_view cluster,
                                            std::string_view node);

void remove_converge(SqlSession& session, std::string_view cluster, std::string_view node);

}  // namespace jetpack::hub
