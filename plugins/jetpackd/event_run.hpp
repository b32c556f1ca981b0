// Runs the scripts of one scheduled event, one after the other, until the cloud acts.
#pragma once

#include <jetpack/config.hpp>
#include <jetpack/process.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "jetpackd/cloud_events.hpp"
#include "jetpackd/event_journal.hpp"

namespace jetpack::jetpackd {

class EventRun {
 public:
  struct Tools {
    const jetpack::Config& config;
    const jetpack::Process& process;
    EventJournal& journal;
    // Called with what became of a script.
    std::function<void(uint32_t level, const std::string& text)> report;
  };

  // Nothing runs longer than `time`. Goes on where `record` ends. The tools must outlive it.
  EventRun(const Tools& tools, const CloudEvent& event, EventRecord record,
           std::chrono::milliseconds time);

  // Goes on as far as possible without waiting: keeps the outcome, starts what is next.
  void advance();

  const EventRecord& record() const { return record_; }
  bool is_over() const { return record_.stage != EventRecord::Stage::running; }
  // What runs; empty: nothing.
  const std::string& script() const { return script_; }
  // Readable when advance() has something to do; -1 when nothing runs.
  int descriptor() const { return process_ ? process_->descriptor() : -1; }

 private:
  void find_scripts();
  void start(const std::string& path);
  bool collect();
  void end(const std::string& path, const std::string& failure);
  void fail(const std::string& why);
  void conclude();

  const Tools& tools_;
  EventRecord record_;
  std::string not_before_;
  std::vector<std::string> scripts_;
  std::vector<std::string> environment_;
  std::chrono::steady_clock::time_point deadline_;
  std::string script_;
  std::optional<RunningProcess> process_;
};

}  // namespace jetpack::jetpackd
