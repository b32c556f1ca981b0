// Reads and appends to config/cluster-init.jsonl.
#include "converge/state.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::converge {

namespace {

constexpr uint64_t max_state = 16 << 20;
constexpr unsigned state_mode = 0600;
// More lines than this for each record, and the file is rewritten.
constexpr size_t lines_per_record = 4;

std::string header_of(const Instance& instance) {
  return support::json_object([&](support::Object& header) {
    header.text("vm", instance.vm).text("machine", instance.machine);
  });
}

std::string line_of(const std::string& key, const Record& record) {
  return support::json_object([&](support::Object& line) {
    line.text("script", key)
        .text("sha256", record.sha256)
        .text("version", record.version)
        .text("disk", record.disk)
        .text("ended", record.ended)
        .text("boot", record.boot);
    if (record.marked) line.boolean("marked", true);
  });
}

std::string note_of(const std::string& key, const char* what) {
  return support::json_object(
      [&](support::Object& line) { line.text("script", key).boolean(what, true); });
}

bool has_flag(const rapidjson::Value& line, const char* name) {
  const auto* flag = support::find_member(line, name);
  return flag != nullptr && flag->IsTrue();
}

bool agrees(const std::string& one, const std::string& other) {
  return one.empty() || other.empty() || one == other;
}

}  // namespace

bool is_same(const Instance& one, const Instance& other) {
  return agrees(one.vm, other.vm) && agrees(one.machine, other.machine);
}

State::State(std::string path, const Instance& now) : path_(std::move(path)), instance_(now) {
  const auto text = support::read_private_file(path_, max_state);
  if (!text) return;
  is_whole_ = true;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      // Torn by a crash: it was never reported as stored.
      is_whole_ = false;
      break;
    }
    read_line(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (lines_ == 0) is_whole_ = false;
  if (is_new_) records_.clear();
}

void State::read_line(std::string_view line) {
  ++lines_;
  try {
    const auto read = support::parse_json(line, path_ + ", line " + std::to_string(lines_));
    const auto key = support::find_string(read, "script");
    if (!key) {
      const Instance known{support::text_or(read, "vm", ""), support::text_or(read, "machine", "")};
      is_new_ = !is_same(known, instance_);
      // What was not known when the file was written, or is not known now.
      if (!is_new_ && instance_.vm.empty()) instance_.vm = known.vm;
      if (!is_new_ && instance_.machine.empty()) instance_.machine = known.machine;
      if (known.vm != instance_.vm || known.machine != instance_.machine) is_whole_ = false;
    } else if (has_flag(read, "forgotten")) {
      records_.erase(*key);
    } else if (support::find_member(read, "sha256") == nullptr) {
      const auto found = records_.find(*key);
      if (found != records_.end()) found->second.marked = has_flag(read, "marked");
    } else {
      records_[*key] = {support::text_or(read, "sha256", ""), support::text_or(read, "version", ""),
                        support::text_or(read, "disk", ""),   support::text_or(read, "ended", ""),
                        support::text_or(read, "boot", ""),   has_flag(read, "marked")};
    }
  } catch (const Error& e) {
    is_whole_ = false;
    warnings_.emplace_back(e.what());
  }
}

const Record* State::find(const std::string& key) const {
  const auto found = records_.find(key);
  return found == records_.end() ? nullptr : &found->second;
}

void State::open() {
  const bool is_long = lines_ > lines_per_record * (records_.size() + lines_per_record);
  if (is_new_ || !is_whole_ || is_long) return rewrite();
  journal_ = support::Fd(::open(path_.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
  if (!journal_) support::fail_on_file("write", path_, errno);
}

void State::rewrite() {
  std::string text = header_of(instance_) + '\n';
  for (const auto& [key, record] : records_) text += line_of(key, record) + '\n';
  support::write_durably(path_, text, state_mode);
  lines_ = records_.size() + 1;
  is_new_ = false;
  is_whole_ = true;
  journal_.close();
  journal_ = support::Fd(::open(path_.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
  if (!journal_) support::fail_on_file("write", path_, errno);
}

void State::append(const std::string& line) {
  struct stat before {};
  int error = ::fstat(journal_.get(), &before) == 0 ? 0 : errno;
  if (error == 0) error = support::write_all(journal_.get(), line + '\n');
  if (error != 0) {
    [[maybe_unused]] const int undone = ::ftruncate(journal_.get(), before.st_size);
    support::fail_on_file("write", path_, error);
  }
  ++lines_;
  is_synced_ = false;
}

void State::sync() {
  if (std::exchange(is_synced_, true)) return;
  if (::fdatasync(journal_.get()) != 0) support::fail_on_file("write", path_, errno);
}

void State::put(const std::string& key, const Record& record) {
  append(line_of(key, record));
  records_[key] = record;
}

void State::forget(const std::string& key) {
  if (find(key) == nullptr) return;
  append(note_of(key, "forgotten"));
  records_.erase(key);
  sync();
}

void State::forget_all() {
  records_.clear();
  rewrite();
}

void State::mark(const std::string& key) {
  const auto found = records_.find(key);
  if (found == records_.end() || found->second.marked) return;
  append(note_of(key, "marked"));
  found->second.marked = true;
}

Decision decide(const Situation& now) {
  if (now.record == nullptr)
    return now.has_marker ? Decision{Verdict::skip, "its marker was created by others"}
                          : Decision{Verdict::run, "it has not run yet"};
  const bool is_same_disk = !now.disk.empty() && now.record->disk == now.disk;
  // A crash may have taken one that was not synced.
  const bool was_there = now.record->marked || (!now.boot.empty() && now.record->boot == now.boot);
  if (!now.has_marker && is_same_disk && was_there) return {Verdict::run, "its marker was removed"};
  if (now.record->sha256 != now.sha256 && !now.record->sha256.empty() && !now.sha256.empty()) {
    if (now.reruns_edited) return {Verdict::run, "it was edited since it ran"};
    return {Verdict::edited, "it ran at " + now.record->ended + ", and was edited since"};
  }
  return {Verdict::skip, "it ran at " + now.record->ended};
}

}  // namespace jetpack::converge
