// config/cluster-init.jsonl: which scripts have run on this instance. It is the truth; the markers
// in the cluster-init directory are what people and other programs delete to have a script run
// again, and vanish with the resource disk.
//
// The first line says which instance the others are of:
//   {"vm": "12fa2fbc-...", "machine": "9d3a..."}
// and each of the others what became of a script, the last one counting:
//   {"script": "slurm/default/scripts/10-a.sh", "sha256": ..., "version": "3.0.1", "disk": ...,
//    "ended": "2026-11-28T17:00:00.000Z", "boot": ...}          has run successfully
//   {"script": "slurm/default/scripts/10-a.sh", "marked": true}  its marker is on disk
//   {"script": "slurm/default/scripts/10-a.sh", "forgotten": true}
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/files.hpp"

namespace jetpack::converge {

// What a record is valid for. Parts that are not known are empty.
struct Instance {
  std::string vm;       // the virtual machine: another one runs a captured image
  std::string machine;  // /etc/machine-id: another one after a reimage
};

// Whether all that is known of both is equal.
bool is_same(const Instance& one, const Instance& other);

// A script that has run successfully.
struct Record {
  std::string sha256;
  std::string version;  // of its project
  std::string disk;     // which disk its marker is on; see Markers::disk
  std::string ended;
  std::string boot = {};  // in which its marker was created; empty when it could not be
  bool marked = false;    // its marker was there, and would have survived a crash
};

class State {
 public:
  // Reads the file and changes nothing. Throws Errc::denied when others could have written it.
  State(std::string path, const Instance& now);

  // Whether nothing is known of this instance: records of another are forgotten.
  bool is_new() const { return is_new_; }
  // What was invalid in the file.
  const std::vector<std::string>& warnings() const { return warnings_; }

  const Record* find(const std::string& key) const;
  const std::map<std::string, Record>& records() const { return records_; }

  // To be called before any of what follows. Throws Errc::unavailable when nothing can be stored.
  void open();
  // These throw Errc::unavailable; then nothing has changed. What is put and marked survives us at
  // once, and a crash of the machine after sync().
  void put(const std::string& key, const Record& record);
  void mark(const std::string& key);
  void sync();
  // Return when it is on disk.
  void forget(const std::string& key);
  void forget_all();

 private:
  void read_line(std::string_view line);
  void append(const std::string& line);
  void rewrite();

  std::string path_;
  Instance instance_;
  std::map<std::string, Record> records_;
  std::vector<std::string> warnings_;
  support::Fd journal_;
  size_t lines_ = 0;
  bool is_synced_ = true;
  bool is_new_ = true;
  bool is_whole_ = false;  // the file ends with a complete line of ours
};

enum class Verdict { run, skip, edited };

struct Decision {
  Verdict verdict = Verdict::run;
  std::string why;
};

// What a script's past and present say. `record`: what is known of it, or nullptr; `disk` and `boot`:
// those of now, empty where they are not known.
struct Situation {
  const Record* record = nullptr;
  bool has_marker = false;
  std::string disk;
  std::string boot;
  std::string sha256;
  bool reruns_edited = false;
};

Decision decide(const Situation& now);

}  // namespace jetpack::converge
