// Runs what plugins offer to jetpackd: timers, and hooks when something happens to the node. Each runs
// in a process of its own, which the host isolates as it does the plugin's commands.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <jetpack/call.hpp>
#include <jetpack/conditions.hpp>
#include <jetpack/config.hpp>
#include <jetpack/process.hpp>
#include "support/files.hpp"
#include "support/log_file.hpp"
#include "support/plugin_offers.hpp"

namespace jetpack::jetpackd {

class OfferRunner {
 public:
  OfferRunner(const jetpack::Call& call, support::LogFile& log);
  OfferRunner(const OfferRunner&) = delete;
  OfferRunner& operator=(const OfferRunner&) = delete;
  ~OfferRunner();

  void start();
  // Kills what runs, and waits for the thread.
  void stop();

  // Runs the hooks of the event, which get `data`, a JSON object, for at most `longest`. From any thread.
  void happened(std::string event, std::string data,
                std::chrono::milliseconds longest = std::chrono::hours(1));
  // Whether a hook of "on-shutdown" has yet to end. From any thread.
  bool is_ending() const { return is_ending_; }
  // run/conditions.json was written: "on-condition" for those that are not as they were.
  void conditions_written();

 private:
  using Clock = std::chrono::steady_clock;

  struct Event {
    std::string name;
    std::string data;
    std::chrono::milliseconds longest{0};
    Clock::time_point since;
  };
  // An offer, what it waits for, and its run.
  struct Slot {
    support::Offer offer;
    Clock::time_point next = Clock::time_point::max();
    std::deque<Event> waiting;
    std::optional<RunningProcess> process;
    std::string failure;  // of the last run, which is logged when it changes
  };

  void run();
  void list_if_changed();
  void take_list(const std::string& json);
  void hand_out(const Event& event);
  void compare_conditions();
  bool has_hook(std::string_view event) const;
  void note_ending();
  void advance(Slot& slot);
  void begin(Slot& slot, const std::string& input, std::chrono::milliseconds longest);
  void wait();
  std::string fingerprint() const;

  support::LogFile& log_;
  jetpack::Config config_;
  jetpack::Process process_;
  jetpack::Conditions node_conditions_;
  std::string home_, prefix_;
  support::Fd wake_;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<bool> has_ending_hook_ = false, is_ending_ = false;

  std::mutex mutex_;
  std::deque<Event> events_;  // that were not yet handed out
  bool are_conditions_due_ = false;

  // Of the thread alone.
  std::vector<Slot> slots_;
  std::optional<RunningProcess> listing_;
  std::string listed_;                                            // the fingerprint that was listed
  std::optional<std::map<std::string, std::string>> conditions_;  // as hooks know them
  std::thread thread_;
};

// Why a run counts as failed; empty: it succeeded. Of what it wrote, the last line, masked.
std::string failure_of_run(const jetpack::ProcessResult& result);

}  // namespace jetpack::jetpackd
