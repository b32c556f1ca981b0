// config/converge.json: the last runs of converge, with their steps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "converge/report.hpp"

namespace jetpack::converge {

struct Run {
  std::string started, ended;
  std::string status;  // "running", "ok", "failed"; shown as "interrupted" when it did not end
  std::string mode;
  int64_t elapsed_ms = 0;
  std::vector<Step> steps;
  std::optional<Failure> failure;
};

void write_run(support::JsonWriter& json, const Run& run);

struct History {
  std::string configured;  // when a run on this instance has succeeded first; empty: none has
  std::vector<Run> runs;   // oldest first
};

// Throws Errc::corrupt when the file is damaged.
History read_history(const std::string& path);

// Adds the run, or replaces the last one when it started at the same time. Keeps the last 20 runs,
// and of each at most 500 steps: those that did something.
void store_run(const std::string& path, Run run);

}  // namespace jetpack::converge
