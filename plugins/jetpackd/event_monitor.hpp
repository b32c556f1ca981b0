// Watches for what the cloud is about to do to this node, and runs the scripts for it: in a thread
// of its own, so that neither a slow delivery nor a slow useradd delays it.
#pragma once

#include <jetpack/call.hpp>
#include <jetpack/config.hpp>
#include <jetpack/process.hpp>
#include <jetpack/session.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "jetpackd/board.hpp"
#include "jetpackd/cloud_events.hpp"
#include "jetpackd/errands.hpp"
#include "jetpackd/event_journal.hpp"
#include "jetpackd/event_run.hpp"
#include "jetpackd/event_settings.hpp"
#include "support/backoff.hpp"
#include "support/files.hpp"
#include "support/log_file.hpp"

namespace jetpack::jetpackd {

class EventMonitor {
 public:
  // Called from the monitor's thread: `changed` when the events on the board have changed, `ending`
  // once with each that ends the node; `is_held` says whether the cloud must not go ahead yet.
  EventMonitor(const jetpack::Call& call, std::unique_ptr<CloudEvents> cloud, Board& board,
               support::LogFile& log, std::function<void()> changed,
               std::function<void(const CloudEvent&)> ending, std::function<bool()> is_held);
  EventMonitor(const EventMonitor&) = delete;
  EventMonitor& operator=(const EventMonitor&) = delete;
  ~EventMonitor();

  void start();
  // Scripts that run are killed, and run again by the next jetpackd.
  void stop();
  // Waits for its end, for at most `patience`; false when an answer of the cloud or the server is
  // still waited for, and only the process's end can end that.
  bool join(std::chrono::milliseconds patience);

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void step();
  bool poll_cloud();
  void note_failure(const std::string& why);
  void reconcile(const std::vector<CloudEvent>& events);
  void reconcile(const CloudEvent& event);
  void begin(const CloudEvent& event, EventRecord record);
  void announce(const CloudEvent& event);
  void advance();
  void acknowledge(EventRecord record);
  void collect_acknowledgements();
  void note_acknowledged(EventRecord record);
  void resolve(const EventRecord& record, bool is_listed);
  void show();
  void wait(std::chrono::milliseconds time);
  void publish(const char* type, std::string data);
  void deliver();
  void report(uint32_t level, const std::string& text);

  Board& board_;
  support::LogFile& log_;
  std::function<void()> changed_;
  std::function<void(const CloudEvent&)> ending_;
  std::function<bool()> is_held_;
  jetpack::Config config_;
  jetpack::Process process_;
  jetpack::Session session_;
  std::unique_ptr<CloudEvents> cloud_;
  EventJournal journal_;
  EventSettings settings_;
  EventRun::Tools tools_;
  support::Backoff until_first_, retry_;
  std::chrono::milliseconds timeout_;
  bool has_answered_ = false, is_failing_ = false;

  std::map<std::string, CloudEvent> listed_;  // by id: what may be acknowledged now
  std::map<std::string, CloudEvent> shown_;   // by id: what was listed last
  std::list<EventRun> runs_;
  std::set<std::string> asking_;  // ids whose acknowledgement is under way

  // Answers of the cloud since it became unknown whether an acknowledgement has arrived.
  struct Doubt {
    int listed = 0, gone = 0;
  };
  std::map<std::string, Doubt> doubts_;  // by id

  std::mutex mutex_;                                          // of what follows
  std::vector<std::pair<std::string, std::string>> answers_;  // id and what failed

  support::Fd wake_;
  std::atomic<bool> is_stopping_ = false, is_over_ = true;
  bool is_publishing_slow_ = false;
  Errands acknowledging_, delivering_, publishing_;
  std::thread thread_;
};

}  // namespace jetpack::jetpackd
