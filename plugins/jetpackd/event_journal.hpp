// config/scheduled_events.json: what was done about the cloud's events, so that nothing is done
// twice when jetpackd is killed half way.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "support/log_file.hpp"

namespace jetpack::jetpackd {

struct EventRecord {
  enum class Stage {
    running,        // its scripts run, or were cut off
    succeeded,      // all of them, or there is none: the cloud may begin
    acknowledging,  // it is being told, or was when jetpackd was killed
    acknowledged,   // it knows
    failed,         // a script failed: the cloud begins when it likes
    begun,          // the cloud has begun
  };

  std::string id, kind;
  Stage stage = Stage::running;
  std::vector<std::string> done;  // scripts that have ended, whatever became of them
  std::string failure;            // of one of them, the first; empty: none failed
};

inline constexpr std::array<std::string_view, 6> stage_names = {
    "running", "succeeded", "acknowledging", "acknowledged", "failed", "begun"};

// Root runs scripts by what is in it, so it is where only root can write. Never fails: what cannot
// be kept on disk is kept in memory, and reported.
class EventJournal {
 public:
  EventJournal(std::string path, support::LogFile& log);

  // Whether there is a file: the cloud has answered before, maybe to an earlier jetpackd.
  bool exists() const { return exists_; }
  // Creates one without events, if there is none.
  void create();

  const std::vector<EventRecord>& records() const { return records_; }
  // nullptr for an event that was never seen. Until the next put().
  const EventRecord* find(std::string_view id) const;
  // Durable when it returns. The newest 200 are kept: an event may vanish from the cloud's list and
  // come back.
  void put(const EventRecord& record);

 private:
  void load();
  void save();

  std::string path_;
  support::LogFile& log_;
  std::vector<EventRecord> records_;  // oldest first
  bool exists_ = false;
  std::string reported_;  // why it could not be written
};

}  // namespace jetpack::jetpackd
